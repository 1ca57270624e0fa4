"""Editing is how a view lets people change its flow: positions are middles there, and corners in a flow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tinyflow_runtime.embedded.flow import EmbeddedFlow
from tinyflow_runtime.errors import NotRunning

from .edits import edits_of
from .palette import palette
from .port_types import Types
from .widget import Answer

NEW = (120.0, 60.0)  # about how large the card of a node will be that is not there yet

WORDS = ("edit", "undo", "redo", "layout", "copy", "palette", "code")


class Editing:
    """The edits of one view's flow, which all its views share; a flow on a cluster is changed by pushing it.

    Args:
        flow: In the kernel, or on a cluster.
        size: How wide and high the card of a node is; None for one that is not shown.
        changed: Called after every edit, on the thread that made it.
        late: Called with what went wrong after an edit was answered.
    """

    def __init__(
        self,
        flow: object,
        size: Callable[[str], tuple[float, float] | None],
        changed: Callable[[], None],
        late: Callable[[Exception], None],
    ) -> None:
        self._size = size
        self._edits = edits_of(flow) if isinstance(flow, EmbeddedFlow) else None
        self.close = self._edits.listen(lambda _, __: changed(), late) if self._edits else lambda: None

    def counted(self) -> dict[str, Any]:
        """Whether it can be edited, and how much can be undone."""
        if self._edits is None:
            return {"editable": False, "undo": 0, "redo": 0}
        return {"editable": True, "undo": self._edits.undo_count, "redo": self._edits.redo_count}

    def palette(self, types: Types) -> dict[str, Any] | None:
        """What can be put on the flow; None for one that cannot be edited."""
        return palette(types) if self._edits else None

    def answers(self, types: Types) -> dict[str, Answer]:
        """By the word that a request begins with.

        Args:
            types: The numbers by which this view's browsers know types.
        """
        if self._edits is None:
            return dict.fromkeys(WORDS, _refused)
        return {**self._edits.answers(types), "edit": self._edit}

    def _edit(self, request: Mapping[str, Any]) -> Any:  # Any: what JSON can hold
        assert self._edits is not None
        return self._edits.edit([self._cornered(operation) for operation in request.get("ops") or ()])

    def _cornered(self, operation: Any) -> Any:  # Any: whatever a browser sent
        if not isinstance(operation, dict):
            return operation
        if operation.get("op") == "note":
            return operation  # a note has its corner in the browser too: nobody knows yet how large it will be
        said = dict(operation)
        if isinstance(said.get("positions"), dict):
            said["positions"] = {name: self._corner(at, self._size(name)) for name, at in said["positions"].items()}
        if said.get("position") is not None:
            said["position"] = self._corner(said["position"], None)
        return said

    def _corner(self, at: Any, size: tuple[float, float] | None) -> Any:  # Any: as above
        if not (isinstance(at, list) and len(at) == 2 and all(isinstance(part, int | float) for part in at)):
            return at
        wide, high = size or NEW
        return [round(at[0] - wide / 2, 1), round(at[1] - high / 2, 1)]


def _refused(_: Mapping[str, Any]) -> Any:  # Any: never anything
    raise NotRunning(
        "TF-166", "A flow on a cluster cannot be edited here.", "Change the flow in the notebook, and push it again."
    )
