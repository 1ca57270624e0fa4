"""A module holds components; on a cluster it is a program of its own."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, ClassVar, TypeVar, overload

from tinyflow_runtime import place
from tinyflow_runtime.component import UNDECORATED, Component, Retry, claim, prototype
from tinyflow_runtime.definition.functions import FunctionComponent, options_of
from tinyflow_runtime.definition.signatures import Outputs, read_function
from tinyflow_runtime.errors import ComponentError, NodeError
from tinyflow_runtime.ports import is_label

__all__ = ["DEFAULT", "Module", "component", "find", "kept_on_failure"]

T = TypeVar("T", bound=Callable[..., Any])  # a function or a class; both stay what they are


class Module:
    """A named set of components.

    Making a module of a name that exists gives the components of the old one a new home: running the cell again does
    not lose those whose cells were not.

    Args:
        name: A DNS label; on a cluster it names a TinyModule.
        requirements: What its program needs besides TinyFlow, as pip writes it.

    Attributes:
        all: Every module of this process by name.
        components: Prototypes by name; defining a component again replaces it.
    """

    all: ClassVar[dict[str, Module]] = {}

    def __init__(self, name: str, requirements: Sequence[str] = ()) -> None:
        if not is_label(name):
            way_out = "Use small letters, digits and '-', beginning with a letter; 63 at most."
            raise NodeError("TF-106", f"{name!r} is no name for a module.", way_out, where=place.caller())
        if isinstance(requirements, str):
            requirements = [requirements]
        if not isinstance(requirements, Iterable) or not all(isinstance(each, str) for each in requirements):
            what = f"requirements of module {name!r} is {requirements!r}; it is a list of texts."
            raise ComponentError("TF-119", what, 'For example ["numpy>=2", "pandas"].', where=place.caller())
        self.name = name
        self.requirements = tuple(requirements)
        old = Module.all.get(name)
        self.components: dict[str, Component] = old.components if old is not None else {}
        Module.all[name] = self

    def __repr__(self) -> str:
        return f"Module({self.name!r}: {', '.join(self.components) or 'no components yet'})"

    @overload
    def component(self, thing: T, /) -> T: ...

    @overload
    def component(
        self,
        thing: None = None,
        /,
        *,
        outputs: Outputs | None = None,
        blocking: bool = False,
        retry: Retry | int | None = None,
        timeout: float | None = None,
        tags: Sequence[str] = (),
    ) -> Callable[[T], T]: ...

    def component(
        self,
        thing: Any = None,
        /,
        *,
        outputs: Outputs | None = None,
        blocking: bool = False,
        retry: Retry | int | None = None,
        timeout: float | None = None,
        tags: Sequence[str] = (),
    ) -> Any:
        """Make a function or a class of ``Component`` a component of this module; it stays what it was.

        Args:
            thing: What stands under the decorator.
            outputs: Names and types of the outputs of a function with a Handler.
            blocking: It may block, so it gets a thread of its own.
            retry: How often a message is tried in total when the handler raises; a number or a ``Retry``.
            timeout: Seconds a handler may take. A plain ``def`` cannot be interrupted, so it needs ``blocking=True``.
            tags: Shown where components are listed.

        Raises:
            ComponentError: TF-112, it cannot be a component; TF-113, an annotation cannot be resolved; TF-119, an
                option is wrong; TF-106, its name is none.
        """
        options = _Options(blocking=blocking, retry=retry, timeout=timeout, tags=tags)
        frame = _frame_of_person()

        def decorate(thing: Any) -> Any:
            made = self._of_class(thing) if isinstance(thing, type) else self._of_function(thing, outputs, frame)
            options.apply(thing if isinstance(thing, type) else made, made)
            made.module = self.name
            self.components[made.name] = made
            return thing

        return decorate if thing is None else decorate(thing)

    def _of_class(self, cls: type) -> Component:
        if issubclass(cls, Component):
            cls.module = self.name
        made = prototype(cls)
        claim(type(made))
        return made

    def _of_function(self, thing: Any, outputs: Outputs | None, frame: types.FrameType | None) -> Component:
        made = read_function(thing, outputs=outputs, frame=frame)
        thing.__tinyflow__ = made
        return made


class _Options:
    """The options of the decorator, checked."""

    def __init__(
        self, *, blocking: bool, retry: Retry | int | None, timeout: float | None, tags: Sequence[str]
    ) -> None:
        if not isinstance(blocking, bool):
            raise _wrong(f"blocking is {blocking!r}; it is True or False.")
        number = isinstance(timeout, (int, float)) and not isinstance(timeout, bool)
        if timeout is not None and not (number and timeout > 0):
            raise _wrong(f"timeout is {timeout!r}; it is a number of seconds above 0, or None.")
        if retry is not None and (isinstance(retry, bool) or not isinstance(retry, (int, Retry))):
            raise _wrong(f"retry is {retry!r}; it is a number of attempts or a Retry.")
        self.blocking = blocking
        self.retry = options_of(retry)
        self.timeout = float(timeout) if timeout is not None else None
        self.tags = (tags,) if isinstance(tags, str) else tuple(tags)

    def apply(self, target: Any, made: Component) -> None:
        """Set what was given; a class keeps what its body says where the decorator is silent."""
        inline = isinstance(made, FunctionComponent) and made.style in ("value", "generator")
        if self.timeout is not None and inline and not self.blocking:
            raise _wrong(
                f"{made.name!r} is a plain def with a timeout, and nothing can interrupt it.",
                "Add blocking=True, or make it async def.",
            )
        if self.blocking and isinstance(made, FunctionComponent) and not inline:
            raise _wrong(
                f"{made.name!r} is async and blocking; a thread of its own is for a plain def.",
                "Make it a plain def, or leave blocking out.",
            )
        for option in ("blocking", "retry", "timeout", "tags"):
            value = getattr(self, option)
            if value:
                setattr(target, option, value)


def _wrong(what: str, *way_out: str) -> ComponentError:
    return ComponentError("TF-119", what, *way_out, where=place.caller())


def _frame_of_person() -> types.FrameType | None:
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and place.is_ours(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


DEFAULT = Module("notebook")
component = DEFAULT.component


def find(module: str, name: str) -> Component | None:
    """The newest component of a module by name, in this process."""
    home = Module.all.get(module)
    if home is not None and name in home.components:
        return home.components[name]
    return _undecorated(name) if module == DEFAULT.name else None


def _undecorated(name: str) -> Component | None:
    """Of the newest class of that name that belongs to no module by decorator; ``info`` may give it another name."""
    if name in UNDECORATED:
        return prototype(UNDECORATED[name])
    for cls in reversed(list(UNDECORATED.values())):
        if cls.info is not Component.info:
            with suppress(Exception):  # a person's code, and a base of others cannot be made
                if (made := prototype(cls)).name == name:
                    return made
    return None


def held(module: str) -> dict[str, Component]:
    """What a module holds right now, by name; a copy."""
    return dict(Module.all[module].components) if module in Module.all else {}


@contextmanager
def kept_on_failure() -> Iterator[None]:
    """When the block raises, the modules and their components are what they were: what did not load is not found."""
    homes = dict(Module.all)
    components = {name: dict(home.components) for name, home in homes.items()}
    classes = dict(UNDECORATED)
    try:
        yield
    except BaseException:
        UNDECORATED.clear()
        UNDECORATED.update(classes)
        Module.all.clear()
        Module.all.update(homes)
        for name, home in homes.items():
            home.components.clear()
            home.components.update(components[name])
        raise
