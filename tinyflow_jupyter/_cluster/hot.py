"""Hot swap: running the cell of a pushed component again gives its module the new code, between two messages."""

from __future__ import annotations

import ast
import re
import sys
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from tinyflow_runtime.component import Component
from tinyflow_runtime.errors import ClusterError, TinyFlowError
from tinyflow_runtime.flow import Flow
from tinyflow_runtime.module import find
from tinyflow_runtime.source.archive import Source

from .api import Api
from .echo import Echo
from .readiness import readiness
from .resources import module_documents, modules_of
from .sources import source_of

PATIENCE = 10.0  # seconds for a module to take its new source
LOOK = 0.02  # seconds between two looks whether it has


class Hot:
    """Keeps the modules of pushed flows at the newest code of a notebook.

    Args:
        api: Of the cluster they were pushed to.
        logs: The folder of what its modules write; shown after each cell.
    """

    def __init__(self, api: Api, logs: Path | None = None) -> None:
        self._api = api
        self._echo = Echo(logs)
        self._flows: dict[str, Flow] = {}
        self._hashes: dict[str, str] = {}
        self._captured: dict[str, Source] = {}  # by module: the newest
        self._components: dict[tuple[str, str], Component | None] = {}
        self._shell: Any = None  # Any: IPython's; a script has none

    def keep(self, flow: Flow, hashes: Mapping[str, str], sources: Mapping[str, Source]) -> None:
        """A flow was pushed: look after each cell whether a component of its modules was defined again."""
        self._flows[flow.name] = flow
        self._hashes.update(hashes)
        self._captured.update(sources)
        self._remember()
        shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
        if shell is not None and shell is not self._shell:
            shell.events.register("post_run_cell", self._after_cell)
            self._shell = shell

    def moved(self, hashes: Mapping[str, str]) -> None:
        """Modules run another source than the one they were given last."""
        self._hashes.update(hashes)

    def forget(self, flow: str) -> None:
        """A flow was deleted."""
        self._flows.pop(flow, None)

    def close(self) -> None:
        """Look no more."""
        if self._shell is not None:
            self._shell.events.unregister("post_run_cell", self._after_cell)
            self._shell = None
        self._flows.clear()

    def swap(self, bound: Collection[str] = ()) -> list[str]:
        """Give every module whose components were defined again its new source; returns the names of the modules.

        Args:
            bound: Names that a cell has given a value: a function or a constant that a component uses may be another.

        Raises:
            TinyFlowError: It cannot be captured, or the module refuses it; what ran goes on.
        """
        again = {module for (module, name), old in self._components.items() if find(module, name) is not old}
        uses = {module for module, source in self._captured.items() if not _words_of(source).isdisjoint(bound)}
        self._remember()
        done = []
        for module in sorted(again | uses):
            flow = next((flow for flow in self._flows.values() if module in modules_of(flow)), None)
            if flow is None:
                continue
            source = source_of(module, flow)
            before, self._captured[module] = self._captured.get(module), source
            if module not in again and before == source:  # what runs may be an older one that was gone back to
                continue
            if source.sha256 != self._hashes.get(module):
                self._give(source)
                self._hashes[module] = source.sha256
                done.append(module)
        return done

    def _remember(self) -> None:
        self._components = {
            (node.component.module, node.component.name): find(node.component.module, node.component.name)
            for flow in self._flows.values()
            for node in flow.nodes.values()
        }

    def _give(self, source: Source) -> None:
        for document in module_documents(source, hot=True):
            if document["kind"] != "ConfigMap" or self._api.get("ConfigMap", document["metadata"]["name"]) is None:
                self._api.apply(document)
        deadline = time.monotonic() + PATIENCE
        while True:
            module = self._api.get("TinyModule", source.module)
            found = readiness([module] if module else [], (), {source.module: source.sha256})
            if found.complete:
                return
            if found.failed or time.monotonic() > deadline:
                told = " ".join(line.strip() for line in found.story().splitlines())
                what = f"Module {source.module!r} did not take the new code: {told}."
                raise ClusterError("TF-164", what, "The old code keeps running. Mend the cell and run it again.")
            time.sleep(LOOK)

    def _after_cell(self, result: Any) -> None:  # Any: IPython's
        if self._flows:
            self._echo.tell()
        if not self._flows or not getattr(result, "success", True):
            return
        began = time.monotonic()
        try:
            for module in self.swap(_bound_by(getattr(getattr(result, "info", None), "raw_cell", ""))):
                print(f"Module {module} on {self._api.context} runs the new code ({time.monotonic() - began:.2f} s).")
        except TinyFlowError as error:
            print(error, file=sys.stderr)


def _words_of(source: Source) -> set[str]:
    """Every name in the text that a module was captured as."""
    return {word for text in source.files.values() for word in re.findall(r"[^\W\d]\w*", text)}


def _bound_by(cell: str) -> set[str]:
    """The names that a cell gives a value at its top; more than there are, where it has magics."""
    try:
        tree = ast.parse(cell)
    except (SyntaxError, ValueError):
        return set(re.findall(r"[^\W\d]\w*", cell))
    found: set[str] = set()
    for made in tree.body:
        if isinstance(made, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(made.name)
            continue
        for node in ast.walk(made):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.alias):
                found.add((node.asname or node.name).partition(".")[0])
    return found
