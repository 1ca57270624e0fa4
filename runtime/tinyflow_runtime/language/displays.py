"""A display is a value written out, ``{"temp": msg.t}``; where the target port wants a record, it becomes one."""

from __future__ import annotations

import ast
import typing
from dataclasses import dataclass, field
from typing import Any

from tinyflow_runtime.errors import did_you_mean
from tinyflow_runtime.language import records
from tinyflow_runtime.language.parts import Part, Refusal
from tinyflow_runtime.schema import certain, fits, type_name


@dataclass(slots=True)
class Display:
    """What a checked part becomes for a target.

    Attributes:
        constructors: The classes that the code calls, by the name it uses.
        sure: Everything was decided now; otherwise the dict is left for the port to convert, message by message.
    """

    constructors: dict[str, Any] = field(default_factory=dict)
    sure: bool = True

    def become(self, part: Part, target: Any) -> Part:
        """The part as a value of the target type, or as it is where nothing is to be done.

        Raises:
            Refusal: A field is missing, unknown or of another type.
        """
        if part.entries is not None:
            wanted = [(tp, record) for tp in records.members(target) if (record := _open_record(tp))]
            return self._record(part, part.entries, *wanted[0]) if len(wanted) == 1 else part
        if part.element is not None and isinstance(part.code, ast.ListComp):
            items = [tp for tp in records.members(target) if records.kind(tp) is list and typing.get_args(tp)]
            if len(items) != 1:
                return part
            element = self.become(part.element, typing.get_args(items[0])[0])
            return Part(ast.ListComp(element.code, part.code.generators), records.generic(list, element.type))
        if part.elements and isinstance(part.code, ast.List):
            items = [tp for tp in records.members(target) if records.kind(tp) is list and typing.get_args(tp)]
            if len(items) == 1:
                made = [self.become(element, typing.get_args(items[0])[0]) for element in part.elements]
                tp = records.generic(list, records.union(records.widen(one.type) for one in made))
                return Part(ast.List([one.code for one in made], ast.Load()), tp)
        return part

    def _record(self, part: Part, entries: typing.Mapping[str, Part], tp: Any, record: records.Record) -> Part:
        known = [name for name, one in record.fields.items() if one.given]
        made: dict[str, Part] = {}
        for name, entry in entries.items():
            if name not in known:
                raise Refusal(
                    entry.code,
                    f"{type_name(tp)} has no field {name!r}.",
                    did_you_mean(name, known),
                    f"Fields of {type_name(tp)}: {', '.join(known)}.",
                )
            wanted = record.fields[name].type
            made[name] = self.become(entry, wanted)
            # In a list, for a port may leave out a None that a field must hold.
            types = records.generic(list, made[name].type), records.generic(list, wanted)
            if not fits(*types):
                shown = type_name(records.widen(made[name].type))
                raise Refusal(
                    entry.code,
                    f"{name!r} of {type_name(tp)} takes {type_name(wanted)}, but gets {shown}.",
                    f"Convert it, for example {_conversion(wanted)}(...)." if _conversion(wanted) else "",
                )
            self.sure &= certain(*types)
        missing = [name for name in known if record.fields[name].required and name not in made]
        if missing:
            raise Refusal(
                part.code,
                f"{type_name(tp)} needs {', '.join(map(repr, missing))} too.",
                f'Write {{"{missing[0]}": ..., ...}}.',
            )
        if record.keyed:
            code: ast.expr = ast.Dict([ast.Constant(name) for name in made], [one.code for one in made.values()])
        elif record.constructor and self.sure:
            name = f"_{len(self.constructors)}"
            self.constructors[name] = records.kind(tp)
            keywords = [ast.keyword(name, one.code) for name, one in made.items()]
            code = ast.Call(ast.Name(name, ast.Load()), [], keywords)
        else:
            self.sure = False
            code = part.code
        return Part(code, tp)


def _open_record(tp: Any) -> records.Record | None:
    record = records.of(tp)
    return record if record and record.closed and any(one.given for one in record.fields.values()) else None


def _conversion(wanted: Any) -> str:
    kind = records.kind(next(records.members(wanted)))
    return kind.__name__ if kind in (int, float, str, bool) else ""
