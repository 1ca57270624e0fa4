"""A function as a component: its signature becomes the ports."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal

from tinyflow_runtime.component import Component, Handler, Info, Retry
from tinyflow_runtime.payloads.docstrings import summary
from tinyflow_runtime.ports import Port, label_of

__all__ = ["FunctionComponent", "FunctionSource", "Style", "options_of"]

Style = Literal["value", "generator", "async", "async generator", "handler"]


class FunctionComponent(Component):
    """A function as a component.

    Attributes:
        function: As it was written; it stays callable.
        style: How it gives what it sends: it returns it (``value``, ``async``), yields it, or calls its Handler.
        source: It takes no input, so it starts with its node.
        settings_type: The dataclass made of its keyword-only parameters; None where there are none.
    """

    function: Callable[..., Any]
    style: Style
    source: bool
    settings_type: type | None

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        style: Style,
        source: bool,
        handler: str | None,
        settings_type: type | None,
        ports: Sequence[Port],
        where: str,
    ) -> None:
        self.function = function
        self.style = style
        self.source = source
        self.settings_type = settings_type
        self.where = where  # type: ignore[misc]  # of one function, where other components have it per class
        self._handler = handler
        self._ports = list(ports)

    def info(self) -> Info:
        """Name, description (the first paragraph of the docstring) and tags."""
        return Info(label_of(self.function.__name__), summary(self.function), tuple(self.tags))

    def ports(self) -> list[Port]:
        """``in``, ``settings`` and ``out`` as the signature has them, or the outputs that were declared."""
        return list(self._ports)

    def instance(self) -> FunctionComponent:
        """A new one with default settings; None where a setting has no default."""
        made = object.__new__(type(self))  # what copy.copy does, at a third of its cost
        made.__dict__.update(self.__dict__)
        made.settings = self._defaults()
        return made

    def _defaults(self) -> Any:
        if self.settings_type is None:
            return None
        try:
            return self.settings_type()
        except TypeError:  # a setting without default
            return None

    def inline(self, *, threaded: bool) -> bool:
        """Whether it is called on the scheduler's own stack, having nothing to wait for.

        Args:
            threaded: The watchdog has seen it block, so it gets a thread.
        """
        if self.source:
            return True  # all that ever comes in is settings
        plain = self.style in ("value", "generator")
        return plain and not (self.blocking or threaded or self.retry or self.timeout)

    def call(self) -> Callable[..., Any]:
        """The function with the current settings bound.

        It takes the payload; a source takes nothing. In handler style the Handler comes last: ``call()(payload,
        output)``, and ``call()(output)`` for a source. What it returns is a value, a generator, a coroutine or an
        asynchronous generator, as ``style`` says.
        """
        function = self.function
        settings = self.settings if self.settings is not None else self._defaults()
        if settings is not None:
            keywords = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
            function = functools.partial(function, **keywords)
        if self._handler is None:
            return function
        name, bound = self._handler, function
        if self.source:
            return lambda output: bound(**{name: output})
        given = self.function.__code__.co_varnames[: self.function.__code__.co_argcount]
        if given[1:2] == (name,):
            return function  # it stands where it is given anyway
        if given[:1] == (name,):
            return lambda payload, output: bound(output, payload)
        return lambda payload, output: bound(payload, **{name: output})

    async def handle(self, output: Handler, port: str, payload: Any) -> None:
        """Call the function and send what it gives. None is never sent."""
        if port != "settings":
            await self._send(output, (payload,))

    async def _send(self, output: Handler, payload: tuple[Any, ...]) -> None:
        call = self.call()
        if self.style == "handler":
            await call(*payload, output)
            return
        found = call(*payload)
        match self.style:
            case "generator":
                for item in found:
                    await self._one(output, item)
            case "async generator":
                async for item in found:
                    await self._one(output, item)
            case "async":
                await self._one(output, await found)
            case _:
                await self._one(output, found)

    async def _one(self, output: Handler, item: Any) -> None:
        if item is not None:
            await output("out", item)


class FunctionSource(FunctionComponent):
    """A function without input: it runs from the start of its node to its own end."""

    async def run(self, output: Handler) -> None:
        """Call the function and send what it gives."""
        await self._send(output, ())


def options_of(retry: Retry | int | None) -> Retry | None:
    """``retry=3`` means ``Retry(attempts=3)``."""
    return Retry(attempts=retry) if isinstance(retry, int) else retry
