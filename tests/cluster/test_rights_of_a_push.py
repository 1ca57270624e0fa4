"""The doctor asks for each right that a push uses: held against what one asks of the API, from its plan to its end."""

from __future__ import annotations

import re

import pytest

import tinyflow_jupyter as tf
from tinyflow_jupyter._cluster.api import Api
from tinyflow_jupyter._cluster.rights import Right
from tinyflow_jupyter._doctor.rights import LOOK, OURS, PUSH

PATH = re.compile(
    r"^/apis?/(?:(?P<group>[\w.]+)/)?v\w+/namespaces/[\w-]+/(?P<kind>\w+)(?:/(?P<name>[\w.-]+)(?P<part>/\w+)?)?$"
)
VERBS = {"PATCH": ("patch", "create"), "PUT": ("update",), "DELETE": ("delete",), "POST": ("create",)}

words = tf.Module("rights-words")


@words.component
def shout(text: str) -> str:
    """Says it louder."""
    return text.upper()


def used(method, path):
    """The rights that a request takes."""
    found = PATH.match(path)
    assert found, f"{path} is of no namespace, and nobody may have a right to it"
    resource = found["kind"] + (found["part"] or "")
    verbs = VERBS.get(method) or (("get",) if found["name"] else ("list",))
    return {Right(verb, resource, found["group"] or "") for verb in verbs}


@pytest.mark.timeout(180)
@pytest.mark.census(keeps="what the cluster closes a moment after its end")
def test_a_push_uses_no_right_that_the_doctor_does_not_ask_for(monkeypatch):
    asked = set()
    ask = Api._ask

    def recorded(api, method, path, *rest, **more):
        asked.update(used(method, path))
        return ask(api, method, path, *rest, **more)

    monkeypatch.setattr(Api, "_ask", recorded)
    flow = tf.Flow("rights")
    flow.node("shout", shout)

    with tf.Cluster.local() as cluster:
        cluster.plan(flow)
        cluster.push(flow)
        flow.node("louder", shout)
        live = cluster.push(flow)
        live.send("shout:in", "hello", timeout=10)
        cluster.logs("rights")
        flow.remove("louder")
        cluster.push(flow)
        cluster.delete("rights")

    assert asked - {*PUSH.rights, *LOOK.rights} == set()
    assert {right.verb for right in asked if right.group == OURS} >= {"get", "list", "create", "patch", "delete"}
