"""Rolls up what the flows of a project say."""

from __future__ import annotations

from tinyflow_operator.cache import Key
from tinyflow_operator.conditions import Condition, condition_of, is_true, status_of
from tinyflow_operator.desk import Desk
from tinyflow_operator.due import Outcome, done
from tinyflow_operator.kinds import PROJECTS, Document


class Projects:
    """Reconciles TinyProjects."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def reconcile(self, key: Key) -> Outcome:
        """Write a project's status, when it is another than it was."""
        project = self._desk.world.get(PROJECTS, key)
        if project is None:
            return done("is gone")
        flows = self._desk.world.flows_of_project(key)
        await self._desk.writer.status(PROJECTS, project, status(project, flows))
        return done()


def status(project: Document, flows: list[Document]) -> Document:
    """A project's status: how many of its flows are ready, and the first trouble there is."""
    ready = sum(is_true(flow) for flow in flows)
    summary = f"{ready}/{len(flows)} flows ready"
    troubled = next((flow for flow in flows if not is_true(flow)), None)
    if not flows:
        condition = Condition("Ready", True, "NoFlows", "It has no flows.")
    elif troubled is None:
        condition = Condition("Ready", True, "Running", f"{summary}.")
    else:
        message = condition_of(troubled, "Ready").get("message", "nothing is known of it yet.")
        text = f"{summary}. {troubled['metadata']['name']}: {message}"
        condition = Condition("Ready", False, "FlowsNotReady", text)
    return status_of(
        project,
        generation=project["metadata"]["generation"],
        conditions=(Condition("Accepted", True, "Valid", "It is well defined."), condition),
        flows={"total": len(flows), "ready": ready},
        summary=summary,
    )
