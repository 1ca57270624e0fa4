# calls: notebook price(Order(customer={"name": " ada "}, lines=[{"sku": "ab-1", "count": 2}])).total == 8.0
# calls: notebook price(Order(customer={"name": " ada "}, lines=[{"sku": "ab-1", "count": 2}], status="paid")).customer == "Ada"
# calls: notebook strict({"sku": "nonsense", "count": 1}) == "sku: String should match pattern '^[A-Z]{2}-\\d+$'"
# calls: notebook strict({"sku": "AB-7", "count": 0}) == "count: Input should be greater than 0"
# calls: notebook tree({"name": "a", "children": [{"name": "b"}, {"name": "c", "children": [{"name": "d"}]}]}) == 4
# %% models of the shop
from enum import StrEnum
from typing import Annotated, Any, Literal, Optional

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

import tinyflow_jupyter as tf
# %% names for types
SKU_PATTERN = r"^[A-Z]{2}-\d+$"
Sku = Annotated[str, Field(pattern=SKU_PATTERN)]
Status = Literal["new", "paid"]
Positive = Annotated[int, Field(gt=0)]
MAX_LINES = 20
PRICES = {"AB-1": 4.0, "AB-7": 1.5}


class Currency(StrEnum):
    EUR = "€"
    USD = "$"
# %% the base that all models have
class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)
# %%
def titled(text: str) -> str:
    return text.title()

class Customer(Model):
    name: str

    _title = field_validator("name")(titled)
# %%
class Line(Model):
    sku: Sku
    count: Positive = 1

    @field_validator("sku", mode="before")
    @classmethod
    def upper(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @property
    def total(self) -> float:
        return self.count * PRICES[self.sku]
# %% Order speaks of Payment, which is defined below
class Order(Model):
    customer: Customer
    lines: list[Line] = Field(default_factory=list, max_length=MAX_LINES)
    status: Status = "new"
    payment: Optional["Payment"] = None

    @model_validator(mode="after")
    def not_empty(self):
        if not self.lines:
            raise ValueError("an order has lines")
        return self
# %%
class Payment(Model):
    currency: Currency = Currency.EUR
    amount: float

Order.model_rebuild()
# %%
class Priced(Model):
    customer: str
    total: float
    currency: Currency = Currency.EUR
# %%
@tf.component
def price(order: Order) -> Priced:
    return Priced(customer=order.customer.name, total=sum(line.total for line in order.lines))
# %%
@tf.component
def strict(raw: dict[str, Any]) -> str:
    try:
        return Line.model_validate(raw).sku
    except ValidationError as wrong:
        first, *_ = wrong.errors()
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
# %% a model of itself
class Tree(BaseModel):
    name: str
    children: list["Tree"] = []

def count(node: Tree) -> int:
    return 1 + sum(count(child) for child in node.children)

@tf.component
def tree(raw: dict[str, Any]) -> int:
    return count(Tree(**raw))
# %% try
price(Order(customer=Customer(name="x"), lines=[Line(sku="AB-7")]))
