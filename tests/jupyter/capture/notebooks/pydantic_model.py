# calls: notebook greet(Person(name="Ada", age=36)) == "Ada, 36"
# %%
import tinyflow_jupyter as tf
from pydantic import BaseModel, Field, field_validator

AGES = range(0, 150)

# %%
class Being(BaseModel):
    name: str = Field(min_length=1)

class Person(Being):
    age: int = 0

    @field_validator("age")
    @classmethod
    def _old_enough(cls, value):
        assert value in AGES
        return value

# %%
@tf.component
def greet(person: Person) -> str:
    return f"{person.name}, {person.age}"
