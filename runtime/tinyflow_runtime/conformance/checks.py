"""The checks of a module server, each by one sentence that says what a server does; here those of what it runs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from tinyflow_runtime import protocol
from tinyflow_runtime.conformance.subject import FLOW, Fault, NotOffered, Subject, expect
from tinyflow_runtime.errors import ModuleUnavailable, TinyFlowError
from tinyflow_runtime.ports import is_label
from tinyflow_runtime.rpc.health import NOT_SERVING, SERVING, ask_for
from tinyflow_runtime.rpc.health import SERVICE as HEALTH
from tinyflow_runtime.rpc.methods import SERVICE

__all__ = ["CHECKS", "Check"]

Check = Callable[[Subject], Awaitable[None]]
CHECKS: dict[str, Check] = {}  # by the sentence that a server is held to

SHA256 = re.compile(r"[0-9a-f]{64}")


def check(sentence: str) -> Callable[[Check], Check]:
    """A check by its sentence."""

    def register(function: Check) -> Check:
        CHECKS[sentence] = function
        return function

    return register


@check("answers the standard health service")
async def _(subject: Subject) -> None:
    for service in ("", SERVICE):
        status, answer, _ = await subject.remote.call(f"/{HEALTH}/Check", ask_for(service))
        expect(status == "OK", f"Health of {service or 'the server'!r} answered {status}.")
        expect(answer in (SERVING, NOT_SERVING), f"Health of {service or 'the server'!r} answered {answer!r}.")
    status, answer, _ = await subject.remote.call(f"/{HEALTH}/Check", ask_for("nobody.Knows"))
    expect(status == "NOT_FOUND", f"Health of a service that is not there answered {status}, not NOT_FOUND.")


@check("describes its components, their ports and schemas")
async def _(subject: Subject) -> None:
    description = subject.description
    expect(is_label(description.module), f"The module calls itself {description.module!r}, which is no label.")
    expect(description.instance != "", "It tells no instance: nobody could know that it has begun anew.")
    fine = description.revision == "" or SHA256.fullmatch(description.revision) is not None
    expect(fine, f"Its revision is {description.revision!r}; a sha256 has 64 hexadecimal digits, small ones.")
    names = [component.name for component in description.components]
    expect(len(set(names)) == len(names), f"Two components have one name: {', '.join(names)}.")
    for component in description.components:
        expect(is_label(component.name), f"A component is called {component.name!r}, which is no label.")
        ports = [port.name for port in component.ports]
        expect(len(set(ports)) == len(ports), f"{component.name} has two ports of one name: {', '.join(ports)}.")
        expect(sum(port.settings for port in component.ports) <= 1, f"{component.name} has two settings ports.")
        for port in component.ports:
            _check_port(f"{component.name}:{port.name}", port)


def _check_port(name: str, port: protocol.Port) -> None:
    expect(is_label(port.name), f"The port {name} has a name that is no label.")
    expect(port.direction in ("in", "out"), f"The port {name} has direction {port.direction!r}, not 'in' or 'out'.")
    expect(not (port.settings and port.direction == "out"), f"The port {name} takes settings and is an output.")
    sides = ("", "top", "right", "bottom", "left")
    expect(port.position in sides, f"The port {name} is at {port.position!r}, which is no side.")
    try:
        schema = json.loads(port.schema)
    except ValueError:
        raise Fault(f"The schema of {name} is no JSON: {port.schema[:60]!r}.") from None
    expect(isinstance(schema, (dict, bool)), f"The schema of {name} is no JSON Schema: {port.schema[:60]!r}.")


@check("is the same instance until it begins anew")
async def _(subject: Subject) -> None:
    again = await subject.remote.describe()
    told = f"{subject.description.instance!r}, then {again.instance!r}"
    expect(again.instance == subject.description.instance, f"Its instance changed while it ran: {told}.")


@check("runs the nodes of a plan and says so of each")
async def _(subject: Subject) -> None:
    plan = subject.plan(subject.node("a"), subject.node("b"))
    applied = await subject.remote.apply(plan)
    expect(applied.hash == plan.hash, f"Apply of plan {plan.hash!r} answered with hash {applied.hash!r}.")
    told = sorted((state.flow, state.name) for state in applied.nodes)
    wanted = [(FLOW, "a"), (FLOW, "b")]
    expect(told == wanted, f"Apply of the nodes a and b told of {[name for _, name in told]}.")
    for state in applied.nodes:
        expect(not state.trouble, f"The node {state.name} of {subject.component} is in trouble: {state.trouble}")
        expect(state.running, f"The node {state.name} is in no trouble, and not said to run.")


@check("does nothing when the same plan comes again")
async def _(subject: Subject) -> None:
    await subject.remote.apply(subject.plan())
    plan = subject.plan(subject.node("a"))
    first = await subject.remote.apply(plan)
    await subject.send("a", subject.sample())
    before = await subject.settled("a", 1)
    again = await subject.remote.apply(plan)
    after = await subject.settled("a", 1)
    expect(again == first, "The same plan was answered differently the second time.")
    counted = f"{before.accepted} messages accepted before, {after.accepted} after"
    expect(after.accepted == before.accepted, f"The same plan began the node anew: {counted}.")


@check("runs the other nodes when one cannot run")
async def _(subject: Subject) -> None:
    await subject.remote.apply(subject.plan())
    applied = await subject.remote.apply(subject.plan(subject.node("a"), subject.node("b", "no-such-component")))
    states = {state.name: state for state in applied.nodes}
    expect(set(states) == {"a", "b"}, f"Apply of the nodes a and b told of {sorted(states)}.")
    expect(states["b"].trouble != "", "A node of a component that is not there is in no trouble.")
    expect(not states["b"].running, "A node of a component that is not there is said to run.")
    expect(states["a"].running and not states["a"].trouble, f"The node beside it suffers: {states['a'].trouble!r}.")
    accepted = await subject.send("a", subject.sample())
    expect(accepted.count == 1, "The node beside it accepts nothing.")


@check("keeps a node's last good generation when its next one cannot run")
async def _(subject: Subject) -> None:
    await subject.run("a")
    await subject.send("a", subject.sample())
    bad = subject.node("a")
    bad.settings = msgspec.msgpack.encode("no mapping")
    applied = await subject.remote.apply(subject.plan(bad))
    (state,) = applied.nodes
    expect(state.trouble != "", "Settings that are no mapping make no trouble.")
    expect(state.running, "A node whose new settings were refused does not run on.")
    node = await subject.settled("a", 1)
    expect(node.accepted == 1, "A node whose new settings were refused was begun anew.")


@check("tells the node that an edge leaves when it leads nowhere")
async def _(subject: Subject) -> None:
    component = next(each for each in subject.description.components if each.name == subject.component)
    out = next((port.name for port in component.ports if port.direction == "out"), None)
    if out is None:
        raise NotOffered(f"{component.name} has no output.")
    edge = protocol.Edge(id="nowhere", port=out, to="nobody:in")
    await subject.remote.apply(subject.plan())
    applied = await subject.remote.apply(subject.plan(subject.node("a", edges=[edge])))
    expect(applied.nodes[0].trouble != "", "An edge to a node that is not there makes no trouble.")


@check("refuses a source that does not hash to what was announced, and runs on")
async def _(subject: Subject) -> None:
    await subject.run("a")
    before = (await subject.remote.describe()).revision
    try:
        await subject.remote.load(protocol.Archive(sha256="0" * 64, archive=b"no archive"))
    except ModuleUnavailable as error:
        if error.code == "TF-151":
            raise NotOffered("It has no Load; its text does not change while it runs.") from None
        raise
    except TinyFlowError:
        pass
    else:
        raise Fault("An archive that does not hash to what was announced was loaded.")
    expect((await subject.remote.describe()).revision == before, "A source that was refused changed the revision.")
    accepted = await subject.send("a", subject.sample())
    expect(accepted.count == 1, "After a source was refused, a node accepts nothing.")


@check("ends the nodes that a plan lacks, and the watches on them")
async def _(subject: Subject) -> None:
    await subject.run("a")
    async with subject.watching("a") as watch:
        await subject.remote.apply(subject.plan())
        try:
            async with asyncio.timeout(5):
                rest: Any = await anext(watch, None)
        except TimeoutError:
            raise Fault("A watch did not end within 5 s after its flow did.") from None
        except TinyFlowError:
            rest = None
    expect(rest is None, "A watch showed a message of a flow that was ended.")
    with contextlib.suppress(TinyFlowError):
        await subject.send("a", subject.sample())
        raise Fault("A node that the plan lacks accepts messages.")
