"""The shape a field may have, made once of its OpenAPI schema: everything that looks at an object looks through it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tinyflow_operator.pocket.rules import Rule, rule_of

Schema = dict[str, Any]  # OpenAPI v3, as Kubernetes has it
MISSING: Any = object()


@dataclass(slots=True, eq=False)
class Shape:
    """What a field may hold, and how two managers' values of it go together.

    Attributes:
        type: ``"object"``, ``"array"``, ``"string"``, ``"integer"``, ``"number"``, ``"boolean"``; empty for anything.
        fields: The fields an object declares.
        others: The shape of every other field; None where there may be none.
        items: The shape of a list's items.
        keys: The fields that tell a list's items apart, where they are told apart.
        unique: Whether a list is a set.
        atomic: Whether it has one owner, whatever is in it.
        rules: What is to hold beyond that.
    """

    type: str = ""
    nullable: bool = False
    default: Any = MISSING
    fields: dict[str, Shape] = field(default_factory=dict)
    others: Shape | None = None
    required: tuple[str, ...] = ()
    items: Shape | None = None
    keys: tuple[str, ...] = ()
    unique: bool = False
    atomic: bool = False
    either: bool = False  # a whole number or a text
    enum: tuple[Any, ...] = ()
    pattern: re.Pattern[str] | None = None
    minimum: float | None = None
    maximum: float | None = None
    beyond_minimum: bool = False  # the minimum itself is excluded
    beyond_maximum: bool = False
    shortest: int | None = None
    longest: int | None = None
    fewest: int | None = None
    most: int | None = None
    form: str = ""
    rules: tuple[Rule, ...] = ()
    ruled: bool = False  # here or somewhere below
    defaults: tuple[tuple[str, Any], ...] = ()  # of the fields, to fill in without a look at each

    def child(self, name: str) -> Shape | None:
        """The shape of a field; None when the schema does not know it."""
        return self.fields.get(name) or self.others

    def unchecked(self, path: str = "") -> Iterator[str]:
        """The rules that are not understood, each with the path it is about."""
        yield from (f"{path}: {rule.text}" for rule in self.rules if rule.holds is None)
        for name, shape in self._below():
            yield from shape.unchecked(f"{path}{name}")

    def _below(self) -> Iterator[tuple[str, Shape]]:
        yield from ((f".{name}", shape) for name, shape in self.fields.items())
        yield from (("[*]", shape) for shape in (self.items,) if shape is not None)
        yield from ((".*", shape) for shape in (self.others,) if shape is not None and shape is not self)


ANY = Shape()
ANY.others = ANY  # its maps are merged, its lists have one owner


def shape_of(schema: Schema) -> Shape:
    """The shape a schema describes."""
    if not schema:
        return ANY
    fields = {name: shape_of(part) for name, part in schema.get("properties", {}).items()}
    kind = schema.get("type", "")
    kept = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    more = schema.get("additionalProperties", False)
    others: Shape | None = None
    if isinstance(more, dict) and more:
        others = shape_of(more)
    elif more or kept or (not kind and not schema.get("x-kubernetes-int-or-string")):
        others = ANY
    listing = schema.get("x-kubernetes-list-type", "atomic")
    rules = tuple(map(rule_of, schema.get("x-kubernetes-validations", ())))
    items = shape_of(schema["items"]) if "items" in schema else (ANY if kind == "array" else None)
    below = [*fields.values(), *(part for part in (items, others) if part is not None)]
    return Shape(
        type=kind,
        nullable=bool(schema.get("nullable")),
        default=schema.get("default", MISSING),
        fields=fields,
        others=others,
        required=tuple(schema.get("required", ())),
        items=items,
        keys=tuple(sorted(schema.get("x-kubernetes-list-map-keys", ()))) if listing == "map" else (),
        unique=listing == "set",
        atomic=(kind == "array" and listing == "atomic") or schema.get("x-kubernetes-map-type") == "atomic",
        either=bool(schema.get("x-kubernetes-int-or-string")),
        enum=tuple(schema.get("enum", ())),
        pattern=re.compile(schema["pattern"].replace(r"\z", r"\Z")) if "pattern" in schema else None,
        minimum=schema.get("minimum"),
        maximum=schema.get("maximum"),
        beyond_minimum=bool(schema.get("exclusiveMinimum")),
        beyond_maximum=bool(schema.get("exclusiveMaximum")),
        shortest=schema.get("minLength"),
        longest=schema.get("maxLength"),
        fewest=schema.get("minItems", schema.get("minProperties")),
        most=schema.get("maxItems", schema.get("maxProperties")),
        form=schema.get("format", ""),
        rules=rules,
        ruled=bool(rules) or any(part.ruled for part in below),
        defaults=tuple((name, shape.default) for name, shape in fields.items() if shape.default is not MISSING),
    )
