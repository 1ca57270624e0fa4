"""A formula: a setting that is an expression over ``msg``."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from tinyflow_runtime.language.expression import compile_edge, compile_expression

# Any throughout: a formula sees a person's payloads, and makes more of them.


@lru_cache(maxsize=1024)  # looked up for every message; texts come from settings, so there are few
def condition(text: str, setting: str) -> Callable[[Any], bool]:
    """Whether an expression holds for a payload.

    Args:
        text: The expression.
        setting: What a person calls it, such as ``"when"``.

    Raises:
        ExpressionError: TF-114, when it is no expression.
    """
    program = compile_edge(compile_expression(text, Any, where=setting), None)
    if program is None:
        return lambda payload: True
    one = program.one
    return lambda payload: bool(one(payload)[0])


@lru_cache(maxsize=1024)
def formula(text: str, setting: str) -> Callable[[Any], Any]:
    """The value of an expression for a payload; see `condition`."""
    if text.strip() == "msg":
        return lambda payload: payload
    program = compile_edge(None, compile_expression(text, Any, where=setting))
    if program is None:
        return lambda payload: payload
    one = program.one
    return lambda payload: one(payload)[1]


def formula_type(text: str, setting: str) -> Any:
    """What an expression results in, as far as its text tells; Any otherwise."""
    return compile_expression(text, Any, where=setting).type
