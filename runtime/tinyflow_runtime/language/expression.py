"""An expression is the text of a ``when`` or a ``map``, checked and compiled once; its language is in language/."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from tinyflow_runtime import language
from tinyflow_runtime.errors import ExpressionError
from tinyflow_runtime.language import records
from tinyflow_runtime.language.checker import Checker
from tinyflow_runtime.language.displays import Display
from tinyflow_runtime.language.parts import Refusal
from tinyflow_runtime.schema import type_name

# Any stands for types, which are values here, and for payloads, which are the user's.

# All that compiled code can reach: no builtins, and of ours only what the checker writes, under names that no variable
# of a loop can take.
_SCOPE: dict[str, Any] = {
    "__builtins__": {},
    "_enumerate": enumerate,
    "_list": list,
    "_field": language.field,
    "_method": language.method,
    "_power": language.power,
    "_times": language.times,
    "_remainder": language.remainder,
    **language.FUNCTIONS,
}

# Tracebacks leave out what is called frozen: the expression stands in the error's text, not in a file.
_FILE = "<frozen expression>"


@dataclass(frozen=True)
class Expression:
    """A checked expression over ``msg``.

    Attributes:
        text: As it was written.
        source: The type of ``msg``.
        type: What it gives; Any where only the payload can tell.
        python: The code that runs, for people who look.
        exact: What it gives is of its type for certain: no arithmetic that may leave 64 bits, no None.
    """

    text: str
    source: Any
    type: Any
    python: str
    exact: bool
    _code: ast.expr = field(repr=False, compare=False)
    _constructors: Mapping[str, Any] = field(repr=False, compare=False)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("an expression is sent as its text")


@dataclass(frozen=True, slots=True)
class EdgeProgram:
    """What an edge does with payloads, as functions over whole batches.

    Attributes:
        keep: The positions of the payloads that pass ``when``; None without one.
        values: What ``map`` makes of each; None without one.
        value_type: The type of what arrives.
    """

    keep: Callable[[list[Any]], list[int]] | None
    values: Callable[[list[Any]], list[Any]] | None
    value_type: Any

    def one(self, payload: Any) -> tuple[bool, Any]:
        """Whether one payload passes, and what it becomes; raises what the expression raises."""
        if self.keep is not None and not self.keep([payload]):
            return False, None
        return True, payload if self.values is None else self.values([payload])[0]


def compile_expression(text: str, source_type: Any, *, target_type: Any = Any, where: str = "") -> Expression:
    """Check an expression against the type of the payloads it will see.

    Args:
        text: Python, of the language in ``tinyflow_runtime.language``.
        source_type: The type of ``msg``; with Any, names are looked up per message.
        target_type: What the result is for: a dict display becomes the record that is wanted there.
        where: The edge and the place, for the error.

    Raises:
        ExpressionError: TF-114, with a caret under the part that is wrong.
    """
    if not isinstance(text, str):
        raise ExpressionError(
            "TF-114",
            f"when and map take the text of an expression over msg, not {type_name(type(text))}.",
            'Write it as text, for example when="msg > 3", or use a component of its own.',
            where=where,
        )
    written = text.strip()
    try:
        tree = _parse(written)
        checker = Checker(source_type)
        display = Display()
        part = display.become(checker.check(tree), target_type)
    except Refusal as refusal:
        raise _error(written, refusal, where) from None
    code = ast.fix_missing_locations(part.code)
    exact = display.sure and not checker.grows and type(None) not in records.members(part.type)
    return Expression(written, source_type, part.type, ast.unparse(code), exact, code, display.constructors)


def check_condition(when: Expression, where: str = "") -> None:
    """A condition must be able to be false.

    Raises:
        ExpressionError: TF-114, its type is always true, or has no truth of its own.
    """
    for member in records.members(when.type):
        kind = records.kind(member)
        if kind is Any or kind is type(None):
            continue
        if hasattr(kind, "__array__"):
            what = f"{type_name(member)} has a truth for each of its items."
            raise ExpressionError("TF-114", f"when={when.text!r}: {what}", "Say any(...) or all(...).", where=where)
        if not hasattr(kind, "__bool__") and not hasattr(kind, "__len__"):
            what = f"{type_name(member)} is always true."
            record = records.of(member)
            name = next(iter(record.fields), "") if record else ""
            hint = f"Compare a field of it, such as msg.{name}." if name else "Compare it with something."
            raise ExpressionError("TF-114", f"when={when.text!r}: {what}", hint, where=where)


def compile_edge(when: Expression | None, map: Expression | None) -> EdgeProgram | None:  # noqa: A002  # the edge's word
    """The program of an edge; None when every payload passes unchanged."""
    if when is None and map is None:
        return None
    keep = _function(when, "[i for i, msg in _enumerate(batch) if 0]") if when else None
    values = _function(map, "[0 for msg in batch]") if map else None
    return EdgeProgram(keep, values, map.type if map else when.source if when else Any)


def preview(text: str, sample: Any) -> Any:
    """What an expression gives for a sample payload, checked against the sample's own type.

    Raises:
        ExpressionError: TF-114, it is not in the language, or the sample has no such field.
        Exception: Whatever the expression raises on the sample.
    """
    expression = compile_expression(text, _type_of(sample))
    program = compile_edge(None, expression)
    assert program is not None
    return program.one(sample)[1]


def _type_of(sample: Any) -> Any:
    # A container's class says nothing about its items.
    return Any if type(sample) in (dict, list, tuple, set) else type(sample)


def _function(expression: Expression, template: str) -> Callable[[list[Any]], list[Any]]:
    body = ast.parse(f"lambda batch: {template}", mode="eval")
    loop = body.body.body  # type: ignore[attr-defined]  # the lambda's body, written two lines above
    if loop.generators[0].ifs:
        loop.generators[0].ifs = [expression._code]
    else:
        loop.elt = expression._code
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in _parse
        code: CodeType = compile(ast.fix_missing_locations(body), _FILE, "eval")
    function: Callable[[list[Any]], list[Any]] = eval(code, {**_SCOPE, **expression._constructors})
    return function


def _parse(text: str) -> ast.expr:
    if len(text) > language.MAX_TEXT:
        raise Refusal(ast.Constant(0), f"More than {language.MAX_TEXT} characters.", "Use a component of its own.")
    if not text:
        raise Refusal(ast.Constant(0), "The expression is empty.", 'Write one over msg, such as "msg > 3".')
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's advice ("is" with a literal) is given by the checker
            return ast.parse(f"({text}\n)", _FILE, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        place = ast.Constant(0)
        if isinstance(error, SyntaxError) and error.offset and error.lineno == 1 and error.offset - 1 <= len(text):
            place.lineno, place.col_offset = 1, len(f"({text}"[: error.offset - 1].encode())
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        if "=" in text and "==" not in text and "Maybe you meant" in said:
            raise Refusal(place, "An expression has no assignment.", "Write == to compare.") from None
        raise Refusal(place, f"This is not Python: {said}.", 'Write one expression, such as "msg > 3".') from None


def _error(text: str, refusal: Refusal, where: str) -> ExpressionError:
    lines = text.split("\n")
    line = getattr(refusal.node, "lineno", 0)
    shown = [where] if where else []
    if 1 <= line <= len(lines):
        # The parser counts bytes, and one bracket that is ours; a caret counts characters.
        ours = 1 if line == 1 else 0
        written = lines[line - 1]
        start = len(written.encode()[: max(refusal.node.col_offset - ours, 0)].decode())  # type: ignore[attr-defined]  # it has a line, so a column
        end = getattr(refusal.node, "end_col_offset", None)
        stop = len(written)
        if end is None:
            stop = start + 1
        elif refusal.node.end_lineno == line:  # type: ignore[attr-defined]  # as above
            stop = len(written.encode()[: end - ours].decode())
        indent = len(written) - len(written.lstrip())
        shown += [written.strip(), " " * (start - indent) + "^" * max(stop - start, 1)]
    else:
        shown.append(lines[0][:100])
    return ExpressionError("TF-114", refusal.what, *refusal.way_out, where="\n  ".join(shown))
