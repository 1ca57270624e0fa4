"""A signature is read into ports: annotations, keyword-only settings, the Handler, and what is returned or yielded."""

from __future__ import annotations

import collections.abc
import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, get_args, get_origin

from tinyflow_runtime import place
from tinyflow_runtime.component import Handler
from tinyflow_runtime.definition.functions import FunctionComponent, FunctionSource, Style
from tinyflow_runtime.errors import ComponentError
from tinyflow_runtime.payloads.docstrings import documented
from tinyflow_runtime.payloads.reading import shape_of
from tinyflow_runtime.payloads.snapshots import snapshot
from tinyflow_runtime.payloads.words import type_name
from tinyflow_runtime.ports import Port, is_label, label_of

__all__ = ["Outputs", "read_function"]


Outputs = Mapping[str, Any] | Sequence[str]  # Any: a type is an object of many classes

_STREAMS = {
    collections.abc.Iterator,
    collections.abc.Iterable,
    collections.abc.Generator,
    collections.abc.AsyncIterator,
    collections.abc.AsyncIterable,
    collections.abc.AsyncGenerator,
}


def read_function(
    function: Callable[..., Any], *, outputs: Outputs | None, frame: types.FrameType | None
) -> FunctionComponent:
    """Read the signature of a function.

    Args:
        function: What stands under the decorator.
        outputs: What it declares for a Handler.
        frame: Where the decorator stands: annotations may name what is local there.

    Raises:
        ComponentError: TF-112, the function cannot be a component; TF-113, an annotation cannot be resolved.
    """
    return _Reader(function, frame).read(outputs)


class _Reader:
    def __init__(self, function: Callable[..., Any], frame: types.FrameType | None) -> None:
        if not inspect.isfunction(function):
            raise ComponentError(
                "TF-112",
                f"{getattr(function, '__name__', type(function).__name__)!r} is no function.",
                "Decorate a def, an async def or a class of tf.Component.",
                where=place.caller(),
            )
        if frame is not None:
            place.remember_cell(frame)
        self.function = function
        self.name = function.__name__
        code = function.__code__
        self.where = place.text(code.co_filename, code.co_firstlineno)
        self.names = _names_of(frame, function)
        self.parameters = inspect.signature(function).parameters
        self.hints = {name: self._resolve(name, hint) for name, hint in function.__annotations__.items()}

    def read(self, outputs: Outputs | None) -> FunctionComponent:
        if not is_label(label_of(self.name)):
            raise self._refuse(f"{self.name!r} is no name for a component.", "Give the function a name.", code="TF-106")
        handler, inputs, settings = self._sort()
        self._refuse_shape(inputs)
        style = self._style(handler)
        ports = [Port("in", "in", self.hints.get(inputs[0], Any))] if inputs else []
        settings_type = self._settings_type(settings) if settings else None
        if settings_type is not None:
            ports.append(Port("settings", "in", settings_type, settings=True))
        ports += self._outputs(style, outputs)
        for port in ports:
            self._learn(port)
        kind = FunctionComponent if inputs else FunctionSource
        return kind(
            self.function,
            style=style,
            source=not inputs,
            handler=handler,
            settings_type=settings_type,
            ports=ports,
            where=self.where,
        )

    def _refuse(self, what: str, *way_out: str, code: str = "TF-112") -> ComponentError:
        return ComponentError(code, what, *way_out, where=self.where)

    def _sort(self) -> tuple[str | None, list[str], list[inspect.Parameter]]:
        """The Handler's parameter, the input parameters, and those that are settings."""
        handlers = [name for name in self.parameters if _is_handler(self.hints.get(name))]
        if len(handlers) > 1:
            raise self._refuse(f"{self.name!r} has two Handlers, {_and(handlers)}.", "One is enough for all outputs.")
        inputs, settings = [], []
        for name, parameter in self.parameters.items():
            if parameter.kind is parameter.VAR_POSITIONAL:
                raise self._refuse(f"{self.name!r} takes *{name}; a component has one input.", "Take one parameter.")
            if parameter.kind is parameter.VAR_KEYWORD:
                way_out = f"Name each one: def {self.name}(…, *, limit: float = 1.0)."
                raise self._refuse(f"{self.name!r} takes **{name}, but settings have names.", way_out)
            if name in handlers:
                if parameter.kind is parameter.POSITIONAL_ONLY:
                    raise self._refuse(f"The Handler of {self.name!r} is positional only.", "Take out the '/'.")
            elif parameter.kind is parameter.KEYWORD_ONLY:
                settings.append(parameter)
            else:
                inputs.append(name)
        return (handlers[0] if handlers else None), inputs, settings

    def _refuse_shape(self, inputs: list[str]) -> None:
        if len(inputs) > 1:
            raise self._refuse(
                f"{self.name!r} has {_COUNTS.get(len(inputs), len(inputs))} input parameters, {_and(inputs)}; "
                "a component has one.",
                f"Write * before {inputs[1]!r} to make it a setting, or take one dataclass that holds them all.",
            )

    def _style(self, handler: str | None) -> Style:
        function = self.function
        if handler is not None:
            if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
                raise self._refuse(f"{self.name!r} has a Handler and yields.", "Do one of the two.")
            if not inspect.iscoroutinefunction(function):
                raise self._refuse(
                    f"{self.name!r} has a Handler but is a plain def, which cannot wait.",
                    f'Write async def {self.name}, and await {handler}("out", …).',
                )
            return "handler"
        if inspect.isasyncgenfunction(function):
            return "async generator"
        if inspect.isgeneratorfunction(function):
            return "generator"
        return "async" if inspect.iscoroutinefunction(function) else "value"

    def _outputs(self, style: Style, outputs: Outputs | None) -> list[Port]:
        if style == "handler":
            if not outputs:
                way_out = 'Say @tf.component(outputs={"out": int}).'
                raise self._refuse(f"{self.name!r} has a Handler but declares no outputs.", way_out)
            if isinstance(outputs, str) or not isinstance(outputs, Iterable):
                way_out = 'Say names and types: @tf.component(outputs={"even": int, "odd": int}).'
                raise self._refuse(f"outputs of {self.name!r} is {outputs!r}.", way_out, code="TF-119")
            declared = outputs if isinstance(outputs, Mapping) else dict.fromkeys(outputs, Any)
            return [Port(name, "out", tp) for name, tp in declared.items()]
        if outputs is not None:
            raise self._refuse(
                f"{self.name!r} declares outputs but has no Handler to send with.",
                f"Write async def {self.name}(…, output: tf.Handler), or leave outputs out.",
            )
        returned = self.hints.get("return", Any)
        if returned is type(None):
            return []
        if style in ("generator", "async generator"):
            return [Port("out", "out", _without_none(_item_of(returned)))]
        if get_origin(returned) in _STREAMS - {collections.abc.Iterable} or returned in _STREAMS:
            what = f"{self.name!r} returns {type_name(returned)}, and one payload cannot be a stream."
            raise self._refuse(what, "Yield the items, or return a list.")
        return [Port("out", "out", _without_none(returned))]

    def _settings_type(self, parameters: list[inspect.Parameter]) -> type:
        texts = documented(self.function)
        fields: list[tuple[str, Any, Any]] = []
        for parameter in parameters:
            metadata = {"description": texts[parameter.name]} if parameter.name in texts else {}
            fields.append((parameter.name, self.hints.get(parameter.name, Any), _field(parameter.default, metadata)))
        name = "".join(word[:1].upper() + word[1:] for word in self.name.split("_")) + "Settings"
        doc = f"Settings of {self.name}."
        namespace = {"__doc__": doc, "__module__": self.function.__module__}
        return dataclasses.make_dataclass(name, fields, namespace=namespace, kw_only=True, frozen=True)

    def _learn(self, port: Port) -> None:
        try:
            shape_of(port.type, self.names)
        except ComponentError as error:
            raise ComponentError(error.code, error.what, *error.way_out, where=self.where) from None

    def _resolve(self, name: str, hint: Any) -> Any:
        holder = types.SimpleNamespace(__annotations__={name: hint})
        try:
            found = typing.get_type_hints(holder, self.function.__globals__, self.names, include_extras=True)[name]
            if not _is_handler(found):
                shape_of(found, self.names)
            return found
        except NameError as error:
            missing = error.name or str(hint)
            whose = "The return type" if name == "return" else f"The type of {name!r}"
            raise self._refuse(
                f"{whose} of {self.name!r} cannot be resolved: {missing!r} is not defined.",
                f"Define or import {missing} before the function.",
                code="TF-113",
            ) from None
        except Exception as error:  # an annotation is an expression: evaluating it may raise anything
            raise self._refuse(
                f"The annotation of {name!r} of {self.name!r} is not a type: {getattr(error, 'what', error)}",
                "Use a type, such as int or list[float].",
                code="TF-113",
            ) from None


_COUNTS = {2: "two", 3: "three", 4: "four"}


def _and(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _field(default: Any, metadata: dict[str, str]) -> Any:
    if default is inspect.Parameter.empty:
        return dataclasses.field(metadata=metadata)
    if default.__hash__ is None:  # a list or dict: every node gets its own
        return dataclasses.field(default_factory=lambda: snapshot(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def _names_of(frame: types.FrameType | None, function: types.FunctionType) -> dict[str, Any]:
    """What annotations may name besides globals. Only types: the rest of a frame must not be kept alive."""
    found = dict(frame.f_locals) if frame is not None and frame.f_locals is not frame.f_globals else {}
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    for name, cell in cells:
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not filled yet
            continue
    return {name: thing for name, thing in found.items() if _may_annotate(thing)}


def _may_annotate(thing: Any) -> bool:
    return (
        isinstance(thing, (type, types.ModuleType, typing.TypeVar))
        or get_origin(thing) is not None
        or thing is Any
        or hasattr(thing, "__supertype__")
        or hasattr(thing, "__value__")
    )


def _is_handler(hint: Any) -> bool:
    return hint is Handler or (get_origin(hint) is typing.Annotated and get_args(hint)[0] is Handler)


def _without_none(tp: Any) -> Any:
    """The type without None: what a function may return and what is never sent."""
    if get_origin(tp) not in (typing.Union, types.UnionType):
        return tp
    rest = [arg for arg in get_args(tp) if arg is not type(None)]
    return typing.Union[tuple(rest)] if rest else tp  # noqa: UP007  # the options are known only now


def _item_of(tp: Any) -> Any:
    if get_origin(tp) in _STREAMS:
        return get_args(tp)[0]
    return Any if tp in _STREAMS else tp
