"""Asleep: the drive of a node that nothing has reached yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinyflow_runtime.definition.functions import FunctionComponent
from tinyflow_runtime.schema import immutable

if TYPE_CHECKING:
    from tinyflow_runtime.execution.inline import Inline
    from tinyflow_runtime.execution.serving import Serving
    from tinyflow_runtime.flow import Node
    from tinyflow_runtime.runner import Runner


class Asleep:
    """Handles nothing: the first message that comes wakes the node, which is then connected and driven as it needs."""

    __slots__ = ("runner",)

    def __init__(self, runner: Runner) -> None:
        self.runner = runner

    def wake(self) -> None:
        """Something lies in a channel."""
        if self.runner.ready and self.runner.opened:
            self.roused().wake()

    def idle(self) -> bool:
        """Whether the node can handle a batch at this very moment: who asks has one, so it is woken."""
        return self.runner.opened and self.roused().idle()

    def roused(self) -> Inline | Serving:
        """The drive of the node from now on."""
        return self.runner.scheduler.runners.rouse(self.runner)

    def rebind(self) -> None:
        """What it will call is asked for when it wakes."""

    def close(self) -> None:
        """There is nothing in hand."""

    async def finished(self) -> None:
        """There is nothing in hand."""

    async def end(self) -> None:
        """There is nothing in hand."""


def may_sleep(node: Node) -> bool:
    """Whether nobody can tell that a node is not made before its first message.

    Functions have nothing to start, unless they are sources; settings that could change meanwhile must be copied first.
    """
    component = node.configured
    if not isinstance(component, FunctionComponent) or component.source:
        return False
    return component.settings is None or immutable(type(component.settings))
