"""What a stranger to TinyFlow writes is taken, or refused with a code, the wrong value and the way out."""

from __future__ import annotations

import math
import sys
from typing import Any

import pydantic
import pytest
from tinyflow_runtime.module import DEFAULT, Module

import tinyflow_jupyter as tf


@tf.component
def kind_double(x: int) -> int:
    return 2 * x


class KindMade(tf.Component):
    """Made with an argument that no node could give it."""

    def __init__(self, size: int) -> None:
        self.size = size

    def ports(self) -> list[tf.Port]:
        return [tf.Port("in", "in", int)]

    async def handle(self, output: tf.Handler, port: str, payload: Any) -> None: ...


class Fussy(pydantic.BaseModel):
    size: int = pydantic.Field(3, alias="big")


class Open(pydantic.BaseModel, extra="ignore"):
    size: int = 3


def with_settings(model: type) -> type[tf.Component]:
    class KindSet(tf.Component):
        def ports(self) -> list[tf.Port]:
            return [tf.Port("settings", "in", model, settings=True)]

        async def handle(self, output: tf.Handler, port: str, payload: Any) -> None: ...

    return KindSet


@pytest.fixture(autouse=True)
def flow():
    flow = tf.Flow("kind")
    flow.node("a", kind_double)
    yield flow
    flow.stop()
    for name in ("kind-any", "kind-split", "wrong"):
        DEFAULT.components.pop(name, None)
    Module.all.pop("wrong", None)


async def wrong(x: int, output: tf.Handler) -> None: ...


def nested(levels: int) -> list[Any]:
    payload: list[Any] = []
    for _ in range(levels):
        payload = [payload]
    return payload


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda flow: tf.component(outputs=3)(wrong), "TF-119 outputs of 'wrong' is 3"),
        (lambda flow: tf.component(outputs="even")(wrong), "TF-119 outputs of 'wrong' is 'even'"),
        (lambda flow: tf.Module("wrong", requirements=3), "TF-119 requirements of module 'wrong' is 3"),
        (lambda flow: tf.Module("wrong", requirements=[None]), r"TF-119 requirements of module 'wrong' is \[None\]"),
        (lambda flow: tf.Retry(delay="x"), "TF-119 A retry waits 0 s or longer"),
        (lambda flow: tf.Port("a", "in", "int"), "TF-108 Port 'a' has type 'int'"),
        (lambda flow: tf.Port("a", "in", int, label=3), "TF-108 Port 'a' has label 3"),
        (lambda flow: flow.node("b", KindMade), "TF-112 KindMade cannot be made without arguments"),
        (lambda flow: flow.node("b", KindMade(1)), r"TF-112 KindMade.instance\(\) raised TypeError"),
        (lambda flow: flow.node("b", with_settings(Fussy), bg=1), "(?s)TF-109 'KindSet' has no setting 'bg'.*'big'"),
        (lambda flow: flow.remove(3), "TF-116 3 names neither a node nor an edge"),
        (lambda flow: flow.remove("a:out", 3), "TF-116 'a:out', 3 names neither"),
        (lambda flow: flow["a"], "(?s)TF-101 'a' names a node, not a port of it.*Write \"a:in\""),
        (lambda flow: flow[3], 'TF-101 A port is called by a text such as "a:out", not 3'),
        (lambda flow: flow.send(None, 1), "TF-101 A port is called by a text"),
        (lambda flow: flow.send("a:in", 1, timeout="x"), "TF-119 timeout is 'x'"),
        (lambda flow: flow.wait(timeout=[]), r"TF-119 timeout is \[\]"),
        (lambda flow: flow.stop(timeout=math.nan), "TF-119 timeout is nan"),
        (lambda flow: flow["a:out"].next(timeout=True), "TF-119 timeout is True"),
        (lambda flow: tf.Flow.from_yaml(None), "TF-117 The documents of a flow are a text, not NoneType"),
    ],
)
def test_what_is_no_such_thing_is_refused_with_the_way_out(flow: tf.Flow, call: Any, text: str):
    with pytest.raises(tf.errors.TinyFlowError, match=text) as caught:
        call(flow)

    assert caught.value.way_out
    assert len(str(caught.value).splitlines()) <= 5


def test_a_payload_that_is_nested_too_deeply_is_refused(flow: tf.Flow):
    @tf.component
    def kind_any(x): ...

    flow.node("any", kind_any)
    flow.start()

    with pytest.raises(tf.errors.PayloadError, match="TF-120 A message cannot be sent: it is nested too deeply"):
        flow.send("any:in", nested(5 * sys.getrecursionlimit()))


def test_a_model_that_says_what_it_does_with_more_fields_is_asked(flow: tf.Flow):
    flow.node("fussy", with_settings(Fussy), big=4)

    node = flow.node("open", with_settings(Open), colour="red")

    assert node.configured.settings == Open()


def test_a_handler_may_stand_before_the_input(flow: tf.Flow):
    @tf.component(outputs={"even": int, "odd": int})
    async def kind_split(output: tf.Handler, x: int, *, more: int = 1) -> None:
        await output("odd" if x % 2 else "even", x + more)

    flow.node("split", kind_split, more=10)
    flow.start()
    flow.send("split:in", 3, timeout=5)
    flow.wait(timeout=5)

    assert flow["split:odd"].last.payload == 13


def test_an_undecorated_class_is_found_by_the_name_that_its_info_says(flow: tf.Flow):
    class KindNamed(tf.Component):
        def info(self) -> tf.Info:
            return tf.Info("kind-of-name")

        def ports(self) -> list[tf.Port]:
            return [tf.Port("in", "in", int)]

    flow.node("b", KindNamed)
    text = flow.to_yaml()

    assert "component: kind-of-name" in text
    assert tf.Flow.from_yaml(text).to_yaml() == text
    with pytest.raises(tf.errors.ManifestError, match=r"(?s)TF-118 .*'kind-mad'.*Did you mean 'kind-made'\?"):
        tf.Flow.from_yaml(text.replace("component: kind-of-name", "component: kind-mad"))


def test_a_flow_is_shown_where_there_is_no_ipython(flow: tf.Flow, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "IPython", None)

    assert "1 node" in flow._repr_mimebundle_()["text/plain"]
