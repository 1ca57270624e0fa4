"""Wiring: the difference between the runners at work and what a flow says, and how to get from one to the other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tinyflow_runtime.component import Component
from tinyflow_runtime.definition.functions import FunctionComponent
from tinyflow_runtime.errors import HandlerError, HandlerTimeout
from tinyflow_runtime.execution.asleep import Asleep, may_sleep
from tinyflow_runtime.execution.ending import Ended
from tinyflow_runtime.execution.serving import Serving
from tinyflow_runtime.flow import Flow, Node
from tinyflow_runtime.message import Address
from tinyflow_runtime.runner import Runner
from tinyflow_runtime.scheduling.runners import made
from tinyflow_runtime.schema import snapshot
from tinyflow_runtime.source.revisions import same_code

if TYPE_CHECKING:
    from tinyflow_runtime.scheduler import Scheduler


async def apply(scheduler: Scheduler, flow: Flow, *, keep: bool = False) -> None:
    """Bring the runners of a scheduler to what a flow says.

    Nodes that did not change run on. A changed component takes over between two messages, changed settings arrive
    like any settings. What was accepted by an edge that is no more is still handled; what lies at a node that is no
    more becomes dead letters.

    Args:
        keep: Whether settings that were sent to a node count on, where the flow says of it what it said before.

    Raises:
        HandlerError: A component raised while it was started; no source has begun.
    """
    for error in (await change_code(scheduler, flow, None)).values():
        raise error
    for error in (await _bring(scheduler, flow, None, keep=keep)).values():
        raise error
    _begin(scheduler)


async def bring(scheduler: Scheduler, flow: Flow, *, limit: float) -> dict[str, HandlerError]:
    """The same, after ``change_code``; a node that cannot start keeps nobody from running.

    Settings that were sent count on: whoever brings a flow here often means another one, or a neighbour's address.

    Args:
        limit: Seconds that the start of one component may take.

    Returns:
        By node, why it did not start.
    """
    failures = await _bring(scheduler, flow, limit, keep=True)
    _begin(scheduler)
    return failures


async def change_code(scheduler: Scheduler, flow: Flow, limit: float | None) -> dict[str, HandlerError]:
    """Let nodes run the code that a flow has for them, where that is another, each between two of its messages.

    Returns:
        By node, why its new code did not start within ``limit`` seconds; it runs as it did.
    """
    failures = {}
    for name, runner in list(scheduler.runners.items()):
        node = flow.nodes.get(name)
        if node is not None and runner.opened and not same_code(runner.component, node.component):
            try:
                await _exchange(runner, node, limit)
            except HandlerError as error:
                failures[name] = error
    return failures


async def _bring(scheduler: Scheduler, flow: Flow, limit: float | None, *, keep: bool) -> dict[str, HandlerError]:
    runners = scheduler.runners
    before = runners.nodes
    for name in [name for name in runners if name not in flow.nodes]:
        await remove(scheduler, name)
    late = [name for name in flow.nodes if name not in runners.nodes]
    runners.nodes = dict(flow.nodes)
    scheduler.holding.take_in(late)
    fresh = []
    for node in flow.nodes.values():
        runner = runners.get(node.name)
        if runner is None:
            if not may_sleep(node):
                fresh.append(runners[node.name])
        elif not runner.opened:  # it did not start when it was told to: once more
            runner.adopt(made(node))
            fresh.append(runner)
        elif keep and _settings_of(before.get(node.name)) == node.configured.settings:
            continue
        elif runner.component.settings != node.configured.settings:
            await scheduler.send(Address(node.name, runner.settings_port or ""), snapshot(node.configured.settings))
    _connect(scheduler, flow)
    # Functions have nothing to start; ten thousand of them must not become ten thousand tasks.
    for runner in fresh:
        if isinstance(runner.component, FunctionComponent):
            runner.open_at_once()
    closed = [runner for runner in fresh if not runner.opened]
    opened = await asyncio.gather(*(_open(runner, runner.component.settings, limit) for runner in closed))
    return {runner.name: error for runner, error in zip(closed, opened, strict=True) if error is not None}


def _settings_of(node: Node | None) -> Any:  # Any: of the type that a component's settings port names
    return node.configured.settings if node is not None else None


def _begin(scheduler: Scheduler) -> None:
    for runner in list(scheduler.runners.values()):
        runner.begin()
    scheduler.beginners = [runner for runner in scheduler.runners.values() if runner.source is not None]


async def configured(scheduler: Scheduler, node: Node) -> None:
    """A node was sent settings, which its flow says now: it differs no more, unless in its component."""
    applied = scheduler.runners.nodes.get(node.name)
    if applied is not None:
        scheduler.runners.nodes[node.name] = replace(
            applied, settings=node.settings, configured=node.configured, ports=node.ports
        )


async def exchange(scheduler: Scheduler, flow: Flow, names: Iterable[str], limit: float | None = None) -> None:
    """Let some nodes run other code, and their edges carry other types; nothing else of the flow is touched.

    Raises:
        HandlerError: New code did not start within ``limit`` seconds; that node runs as it did, those before it do not.
    """
    runners = scheduler.runners
    runners.nodes.update((name, flow.nodes[name]) for name in names if name in runners.nodes)
    for edge in runners.edges.touching(names):
        runners.edges.keep(flow.edges.get((edge.source, edge.target), edge))
    for key, channel in scheduler.channels.items():
        if key in flow.edges:
            channel.edge = flow.edges[key]
            outlet = scheduler.runners[key[0].node].outlet(key[0].port)
            outlet.lead_to(outlet.channels)
    for name in names:
        runner = runners.get(name)
        if runner is not None and not _same_version(runner.component, flow.nodes[name].component):
            await _exchange(runner, flow.nodes[name], limit)
    _begin(scheduler)


def _same_version(a: Component, b: Component) -> bool:
    """Stricter than ``same_code``: code of another file may look the same and call functions that are not."""
    same = type(a) is type(b) and getattr(a, "function", None) is getattr(b, "function", None)
    return same and same_code(a, b)


async def _open(runner: Runner, settings: Any, limit: float | None) -> HandlerError | None:
    try:
        async with asyncio.timeout(limit) as within:
            await runner.open(settings)
    except Ended as error:
        return error.told(f"The start of {runner.name}", "Mend it, then start again.")
    except Exception as error:  # a component's start may raise anything
        runner.error = error
        if within.expired():
            return HandlerTimeout("TF-130", f"{runner.name} had not started after {limit:g} s.", "Let its start end.")
        reason = runner.reason(error)
        failure = HandlerError(
            "TF-139", reason.removeprefix("TF-139 ").partition("\n")[0], "Mend it, then start again."
        )
        failure.__cause__ = error
        return failure
    return None


async def _exchange(runner: Runner, node: Node, limit: float | None) -> None:
    """Let a node run other code from its next message on; if that does not start, the old code goes on."""
    if isinstance(runner.drive, Asleep):
        runner.scheduler.runners.rouse(runner)
    old, new = runner.component, made(node)
    if isinstance(old, FunctionComponent) and isinstance(new, FunctionComponent):
        if isinstance(runner.drive, Serving):
            runner.drive.give_up()
        runner.adopt(new)
        if runner.source is not None:
            runner.source.stop()
            runner.source = None
        return
    runner.opened = False
    try:
        async with asyncio.timeout(limit):
            await runner.drive.finished()
    except TimeoutError:
        runner.open_at_once()
        what = f"{runner.name} still handles a message after {limit:g} s, and goes on as it was."
        raise HandlerTimeout("TF-130", what, "Give its component a timeout, or start the flow anew.") from None
    if runner.source is not None:
        runner.source.stop()
        runner.source = None
    await runner.call_hook("stop")
    runner.adopt(new)
    failure = await _open(runner, new.settings, limit)
    if failure is not None:
        runner.adopt(old)
        await _open(runner, old.settings, limit)
        runner.begin()
        raise failure


async def remove(scheduler: Scheduler, name: str) -> None:
    """Take a node out, with its edges; what lies at it becomes dead letters."""
    runner = scheduler.runners[name]
    scheduler.forget(name)
    for key, channel in list(scheduler.channels.items()):
        if name in (key[0].node, key[1].node):
            _detach(scheduler, key)
            if channel.target is not runner and not len(channel):
                channel.target.retire(channel)
    await runner.end(scheduler.ending(name))
    await runner.call_hook("delete")
    scheduler.blocked_runners.discard(runner)


def _connect(scheduler: Scheduler, flow: Flow) -> None:
    for key in [key for key in scheduler.channels if key not in flow.edges]:
        channel = scheduler.channels[key]
        _detach(scheduler, key)
        if not len(channel):
            channel.target.retire(channel)
    scheduler.runners.edges = flow.edge_set()
    for runner in list(scheduler.runners.values()):
        if not isinstance(runner.drive, Asleep):
            scheduler.runners.connect(runner)


def _detach(scheduler: Scheduler, key: tuple[Address, Address]) -> None:
    """Let nothing more into a channel; what lies in it is still handled."""
    channel = scheduler.channels.pop(key)
    runner = scheduler.runners.get(key[0].node)
    if runner is not None and key[0].port in runner.outlets:
        outlet = runner.outlets[key[0].port]
        outlet.lead_to(tuple(each for each in outlet.channels if each is not channel))
    channel.freed(anyway=True)
