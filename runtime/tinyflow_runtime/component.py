"""A component is code with one purpose and named ports: info, ports, handle, instance."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from tinyflow_runtime import place
from tinyflow_runtime.errors import ComponentError, PortError, TinyFlowError
from tinyflow_runtime.payloads.docstrings import summary
from tinyflow_runtime.ports import NAME_RULE, Port, is_label, label_of

__all__ = [
    "UNDECORATED",
    "Component",
    "Failure",
    "Handler",
    "Info",
    "Port",
    "Retry",
    "instance_of",
    "is_label",
    "label_of",
    "ports_of",
    "prototype",
]


@dataclass(frozen=True, slots=True)
class Info:
    """What a component is called and what it is for."""

    name: str
    description: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a message is tried again when its handler raised.

    Attributes:
        attempts: In total, so 1 means no second one; 1 to 100.
        delay: Seconds before the second attempt.
        factor: What the delay is multiplied with from attempt to attempt.
        max_delay: Seconds; no delay is longer.
    """

    attempts: int = 3
    delay: float = 0.1
    factor: float = 2.0
    max_delay: float = 30.0

    def __post_init__(self) -> None:
        fine = isinstance(self.attempts, int) and not isinstance(self.attempts, bool) and 1 <= self.attempts <= 100
        times = self.delay, self.factor, self.max_delay
        numbers = all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in times)
        if not fine:
            raise ComponentError(
                "TF-119",
                f"retry.attempts is {self.attempts!r}; it must be between 1 and 100.",
                "Say @component(retry=3), or retry=Retry(attempts=3, delay=0.5).",
                where=place.caller(),
            )
        if not (numbers and self.delay >= 0 and self.factor >= 1 and self.max_delay >= 0):
            raise ComponentError(
                "TF-119",
                f"A retry waits 0 s or longer, and its factor is 1 or more, not {self}.",
                "Say for example Retry(delay=0.5, factor=2).",
                where=place.caller(),
            )


@dataclass(frozen=True)
class Failure:
    """What the implicit output ``error`` of every node carries: a message whose handler raised."""

    node: str
    port: str
    error: str
    text: str
    payload: Any = None
    message_id: str = ""


class Handler(Protocol):
    """The callable a component gets as ``output``."""

    def __call__(self, port: str, payload: Any) -> Awaitable[None]:
        """Send a payload out of a port; returns when every next node has accepted it: this is the back-pressure."""


class _Name:
    """A component's name is its class's; an attribute of the same name in a subclass's instances does no harm."""

    def __get__(self, component: Component | None, owner: type[Component]) -> str:
        return label_of(component.info().name) if component is not None else label_of(owner.__name__)


UNDECORATED: dict[str, type[Component]] = {}  # the newest class of each name that no module has claimed


class Component:
    """Code with one purpose and named ports; subclass it, and write ``ports`` and ``handle``.

    ``__init__`` need not be called by subclasses and must work without arguments: ``instance()`` is ``type(self)()``,
    once per node, cheap and free of effects. A subclass may also have ``async start(self, output)``,
    ``async run(self, output)`` (a source: a task of its own, cancelled when the node stops), ``async stop(self)`` and
    ``async delete(self)``.

    Attributes:
        settings: The value of the settings port, set before ``ports`` is asked and changed between two messages only.
            None the very first time, when ``ports`` tells its type, and for good where there is no settings port.
        module: The name of the module it belongs to.
        blocking: Its handlers get a thread of their own.
        retry: How often a message is tried again; None means one attempt.
        timeout: Seconds a handler may take; None means as long as it likes.
        tags: Shown where components are listed.
    """

    settings: Any = None  # Any: of the type that the settings port names
    module: str = "notebook"
    blocking: bool = False
    retry: Retry | None = None
    timeout: float | None = None
    tags: tuple[str, ...] = ()
    where: ClassVar[str] = ""  # where a person wrote it
    name = _Name()

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls.module = cls.__dict__.get("module", "notebook")
        cls.where = place.caller()
        UNDECORATED[label_of(cls.__name__)] = cls

    def info(self) -> Info:
        """Name, description (the first paragraph of the docstring) and tags."""
        return Info(label_of(type(self).__name__), summary(type(self)), tuple(self.tags))

    def ports(self) -> list[Port]:
        """The ports; asked again when the settings change."""
        return []

    def instance(self) -> Component:
        """A new one of the same kind, without settings."""
        return type(self)()

    async def handle(self, output: Handler, port: str, payload: Any) -> None:
        """Handle one payload that came in at ``port``; called for one message at a time."""


def claim(cls: type[Component]) -> None:
    """A module has claimed a class: it is no longer one of the undecorated."""
    if UNDECORATED.get(label_of(cls.__name__)) is cls:
        del UNDECORATED[label_of(cls.__name__)]


def prototype(thing: Any) -> Component:
    """The component behind a decorated function, a ``Component`` class, or an instance of one.

    Raises:
        ComponentError: TF-115, it is no component; TF-112, it is a class that cannot work as one.
    """
    found = getattr(thing, "__tinyflow__", None)
    if isinstance(found, Component):
        return found
    if isinstance(thing, Component):
        return thing
    if isinstance(thing, type) and issubclass(thing, Component):
        return _prototype_of_class(thing)
    name = getattr(thing, "__name__", None) or type(thing).__name__
    if inspect.isfunction(thing):
        raise ComponentError(
            "TF-115",
            f"{name!r} is a plain function, not a component.",
            f"Decorate it with @tf.component: the line goes above def {name}.",
            where=place.caller(),
        )
    if isinstance(thing, type):
        way_out = f"Write class {name}(tf.Component), with the methods ports and handle."
        raise ComponentError("TF-115", f"{name!r} is a class, but not a component.", way_out, where=place.caller())
    raise ComponentError(
        "TF-115",
        f"{_short(thing)} is not a component.",
        "Give a function under @tf.component, or a class of tf.Component.",
        where=place.caller(),
    )


def _short(thing: Any) -> str:
    text = repr(thing)
    return text if len(text) <= 60 else f"A {type(thing).__name__}"


def _prototype_of_class(cls: type[Component]) -> Component:
    if not is_label(label_of(cls.__name__)):
        raise ComponentError("TF-106", f"{cls.__name__!r} is no name for a component.", NAME_RULE, where=cls.where)
    if cls.ports is Component.ports:
        raise ComponentError(
            "TF-112",
            f"{cls.__name__} has no method ports.",
            'Add: def ports(self): return [tf.Port("in", "in", int), tf.Port("out", "out", int)]',
            where=cls.where,
        )
    for method in ("handle", "start", "run", "stop", "delete"):
        _refuse_sync(cls, method)
    try:
        return cls()
    except TinyFlowError:
        raise
    except Exception as error:  # a person's code: whatever it raises is what there is to say
        said = f"{error}" if isinstance(error, TypeError) else f"it raised {type(error).__name__}: {error}"
        raise ComponentError(
            "TF-112",
            f"{cls.__name__} cannot be made without arguments: {said}.",
            "Every node makes its own: give the arguments as settings, and defaults to __init__.",
            where=cls.where,
        ) from error


def _refuse_sync(cls: type[Component], method: str) -> None:
    function = getattr(cls, method, None)
    if not inspect.isfunction(function) or hasattr(function, "__wrapped__"):
        return
    if inspect.isasyncgenfunction(function):
        way_out = 'Send with await output("out", …) instead of yield.'
        raise ComponentError("TF-112", f"{cls.__name__}.{method} yields.", way_out, where=cls.where)
    if not inspect.iscoroutinefunction(function):
        raise ComponentError(
            "TF-112",
            f"{cls.__name__}.{method} is a plain def; it must be async.",
            f"Write: async def {method}{inspect.signature(function)}",
            where=cls.where,
        )


def instance_of(component: Component) -> Component:
    """A new one of the same kind, as a node has it.

    Raises:
        ComponentError: TF-112, it cannot be made.
    """
    try:
        return component.instance()
    except TinyFlowError:
        raise
    except Exception as error:  # a person's code: whatever it raises is what there is to say
        name, said = type(component).__name__, f"{type(error).__name__}: {error}"
        way_out = "Every node makes its own: give the arguments as settings, or write a method instance."
        raise ComponentError("TF-112", f"{name}.instance() raised {said}.", way_out, where=component.where) from error


def ports_of(component: Component) -> dict[str, Port]:
    """The ports of a component by name, and the implicit output ``error`` unless it has a port of that name.

    Raises:
        PortError: TF-108, two ports of one name, two settings ports, or something that is no port.
    """
    name, where = type(component).__name__, component.where
    found: dict[str, Port] = {}
    try:
        ports = component.ports()
    except TinyFlowError:
        raise
    except Exception as error:  # a person's code: whatever it raises is what there is to say
        first = component.settings is None and isinstance(error, AttributeError)
        raise PortError(
            "TF-108",
            f"{name}.ports() raised {type(error).__name__}: {error}.",
            "The very first time, self.settings is None: ports() then tells the type of its settings." if first else "",
            where=place.of_traceback(error.__traceback__) or where,
        ) from error
    if not isinstance(ports, Iterable):
        raise PortError("TF-108", f"{name}.ports() returned {_short(ports)}.", "Return a list of ports.", where=where)
    for port in ports:
        if not isinstance(port, Port):
            way_out = 'Make it: tf.Port("in", "in", int).'
            raise PortError("TF-108", f"{name}.ports() holds {_short(port)}, which is no port.", way_out, where=where)
        if port.name in found:
            way_out = "Rename one: names are unique on a node, across inputs and outputs."
            raise PortError("TF-108", f"{component.name!r} has two ports {port.name!r}.", way_out, where=where)
        found[port.name] = port
    settings = [port.name for port in found.values() if port.settings]
    if len(settings) > 1:
        raise PortError(
            "TF-108",
            f"{component.name!r} has {len(settings)} settings ports: {', '.join(settings)}.",
            "Keep one; a dataclass can hold all settings.",
            where=where,
        )
    found.setdefault("error", Port("error", "out", Failure))
    return found
