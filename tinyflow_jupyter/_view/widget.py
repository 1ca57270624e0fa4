"""A widget of ours: an ES module in the browser asks, and Python answers. Here alone are the widget libraries.

The browser sends ``{t: "ask", ask, do, …}``: its number, its word, and fields of the word's own, such as ``id``. It
gets ``{t: "answer", ask, value}`` or ``{t: "answer", ask, error}``. What waits on a browser never waits in Python:
without one, messages are sent to nobody.
"""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anywidget
import ipycytoscape
import traitlets
from ipywidgets import Widget, widget_serialization
from tinyflow_runtime.errors import TinyFlowError

from .cell import made_in_this_cell, this_run

Answer = Callable[[Mapping[str, Any]], Any]  # of a request to what JSON can hold
HOME = Path(__file__).parent / "js"


class Asked(anywidget.AnyWidget):
    """A widget whose browser side may ask for what ``answers`` holds.

    Attributes:
        snapshot: All there is to show, made at each reading: a reload or a second browser gets what is so now.
        run: Of the cell that it was made in, as messages of the kernel name it.
        module: The text of what it is in the browser, an ES module; a page loads the same text once.
    """

    _esm = (HOME / "loader.js").read_text(encoding="utf-8")

    module: traitlets.Unicode[str, str | bytes]
    snapshot = traitlets.Any().tag(sync=True, to_json=lambda _, self: self.shown())

    def __init__(self, **traits: Any) -> None:  # Any: traits, whatever they hold
        self.answers: dict[str, Answer] = {}
        self.run = this_run()
        self._cell = contextvars.copy_context()  # in which what is printed appears below the view
        super().__init__(**traits)
        self.on_msg(self._receive)
        made_in_this_cell(self)

    def shown(self) -> Any:  # Any: what JSON can hold
        """The snapshot as it is now."""
        raise NotImplementedError

    def answer(self, *several: Mapping[str, Answer]) -> None:
        """Answer these words from now on.

        Raises:
            ValueError: Two of them are one word, or somebody answers it already.
        """
        for answers in several:
            if twice := self.answers.keys() & answers.keys():
                raise ValueError(f"Two answers to {', '.join(sorted(twice))}.")
            self.answers.update(answers)

    def bundle(self) -> dict[str, Any]:
        """What makes a front end show it, without words for those that cannot."""
        found = super()._repr_mimebundle_() or ({}, {})
        return {name: part for name, part in found[0].items() if name.endswith("widget-view+json")}

    def heard(self, message: Mapping[str, Any]) -> None:
        """Something that the browser tells, without asking."""

    def close(self) -> None:
        """Close it in all browsers."""
        layout = self.layout
        super().close()
        layout.close()

    def _receive(self, _: object, message: Any, __: object) -> None:  # Any: what JSON can hold
        if not isinstance(message, Mapping):
            return
        if message.get("t") != "ask":
            self.heard(message)
            return
        told = self._cell.copy().run(answered, self.answers, message)
        self.send({"t": "answer", "ask": message.get("ask"), **told})


def answered(answers: Mapping[str, Answer], request: Mapping[str, Any]) -> dict[str, Any]:
    """The value for one request, or the error that it met: an exception in a callback would be seen by nobody."""
    answer = answers.get(str(request.get("do")))
    if answer is None:
        return {"error": {"code": "", "what": f"Nobody here answers {request.get('do')!r}.", "wayOut": "", "where": ""}}
    try:
        return {"value": answer(request)}
    except TinyFlowError as error:
        return {"error": told(error)}
    except Exception as error:  # a component's own code may run in an answer, and raise whatever it likes
        return {"error": {"code": type(error).__name__, "what": str(error)[:400], "wayOut": "", "where": ""}}


def told(error: TinyFlowError) -> dict[str, str]:
    """An error as the browser shows it."""
    return {"code": error.code, "what": error.what, "wayOut": " ".join(error.way_out), "where": error.where}


def module_of(*names: str) -> traitlets.Unicode[str, str | bytes]:
    """One ES module of several files, in this order; only the last exports anything."""
    text = "\n".join((HOME / f"{name}.js").read_text(encoding="utf-8") for name in names)
    return traitlets.Unicode(text).tag(sync=True)


@functools.cache
def styles(*names: str) -> str:
    """One style sheet of several files."""
    return "\n".join((HOME / f"{name}.css").read_text(encoding="utf-8") for name in names)


class _Cytoscape(ipycytoscape.CytoscapeWidget):  # type: ignore[misc]  # ipycytoscape brings no types
    """The real view of ipycytoscape, with the one graph that a widget begins with."""

    def __init__(self, **traits: Any) -> None:  # Any: traits, whatever they hold
        # Its own would make a second graph, with a comm, and forget the first, whose comm would stay.
        super(ipycytoscape.CytoscapeWidget, self).__init__(**traits)
        self.on_msg(self._handle_interaction)


def cytoscape() -> Any:  # Any: an ipycytoscape.CytoscapeWidget, without types
    """An empty graph; its elements and their style come from our own module, in one message."""
    return _Cytoscape(
        cytoscape_layout={"name": "preset", "fit": False},
        cytoscape_style=[],
        tooltip_source="",
        min_zoom=0.02,
        max_zoom=4.0,
        wheel_sensitivity=0.3,  # a notch of a mouse takes a quarter, and not two thirds
        box_selection_enabled=True,
        auto_unselectify=False,
    )


def close_cytoscape(graph: Any) -> None:  # Any: as above
    """Close everything it opened: by itself it would leave most of its comms behind."""
    for one in (*graph.graph.nodes, *graph.graph.edges, graph.graph, graph.layout):
        one.close()
    graph.close()


class Canvas(Asked):
    """A widget of ours around the real view of ipycytoscape.

    Attributes:
        graph: A genuine ``ipycytoscape.CytoscapeWidget``: ``on``, ``set_style`` and ``set_layout`` work.
        height: Of the canvas, in CSS pixels.
    """

    graph = traitlets.Instance(Widget).tag(sync=True, **widget_serialization)
    height = traitlets.Int(420).tag(sync=True)

    def close(self) -> None:
        """Close it in all browsers."""
        graph = self.graph
        super().close()
        close_cytoscape(graph)
