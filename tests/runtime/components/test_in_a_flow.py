"""The components in flows that run, where a double of the output would hide how they get on with the scheduler."""

import asyncio
import socket
import subprocess
import sys
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from tinyflow_runtime.components import (
    Aggregate,
    Debug,
    Filter,
    HttpServer,
    Join,
    Map,
    Request,
    Response,
    Router,
    Ticker,
    Window,
)
from tinyflow_runtime.embedded.flow import EmbeddedFlow
from tinyflow_runtime.errors import HandlerError
from tinyflow_runtime.module import component


@pytest.fixture
def flow():
    made = EmbeddedFlow("trial")
    yield made
    made.stop()


def payloads(port):
    return [message.payload for message in port.history(100)]


@component
def greet(request: Request) -> Response:
    return Response(request.id, f"hello {request.path}")


@component
async def dawdle(request: Request, *, seconds: float = 0.2) -> Response:
    await asyncio.sleep(seconds)
    return Response(request.id, "late")


def served(flow, answer, **settings) -> str:
    flow.node("http", HttpServer, **settings)
    flow.node("answer", answer)
    flow.edge("http:request", "answer:in")
    flow.edge("answer:out", "http:response", loop=True)
    flow.start()
    flow.wait(timeout=5)
    return flow["http:address"].last.payload


def test_hundreds_of_requests_are_answered_each_as_a_trace_of_its_own(flow):
    address = served(flow, greet)

    answers = [urlopen(f"{address}/{number}").read().decode() for number in range(300)]

    assert answers == [f"hello /{number}" for number in range(300)]
    assert {message.hops for message in flow["http:response"].history(100)} == {1}
    assert len({message.trace for message in flow["http:request"].history(100)}) == 100
    assert len(flow.dead_letters) == 0


def test_an_answer_that_comes_too_late_is_a_dead_letter_and_the_client_gets_504(flow):
    address = served(flow, dawdle, timeout=0.05)

    with pytest.raises(HTTPError) as caught:
        urlopen(address)
    caught.value.close()
    flow.wait(timeout=5)

    assert caught.value.code == 504
    assert [letter.message.payload.body for letter in flow.dead_letters] == ["late"]


def test_an_edge_alone_can_answer(flow):
    flow.node("http", HttpServer)
    flow.edge("http:request", "http:response", map="{'id': msg.id, 'body': msg.path}", loop=True)
    flow.start()
    flow.wait(timeout=5)

    assert urlopen(f"{flow['http:address'].last.payload}/echo").read() == b"/echo"


def test_a_flow_whose_port_is_taken_does_not_start_and_says_why(flow):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        with pytest.raises(HandlerError, match=r"cannot listen at 127\.0\.0\.1"):
            served(flow, greet, port=other.getsockname()[1])

    assert not flow.running


def test_running_the_cell_again_with_another_host_moves_the_server(flow):
    first = served(flow, greet)
    addresses = flow["http:address"]

    flow.node("http", HttpServer, host="localhost")
    flow.start()
    second = addresses.next(timeout=5).payload

    assert second != first
    assert urlopen(second).read() == b"hello /"


def test_a_stopped_flow_starts_again_on_the_same_port(flow):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = served(flow, greet, port=port)
    urlopen(address).close()

    flow.stop()
    flow.start()
    flow.wait(timeout=5)

    assert urlopen(address).read() == b"hello /"


def test_routes_that_are_sent_to_a_running_router_are_ports_at_once(flow):
    flow.node("way", Router)
    flow.start()

    flow.send("way:settings", {"routes": [{"name": "big", "when": "msg > 10"}]})
    flow.send("way:in", 11)
    flow.wait(timeout=5)

    assert payloads(flow["way:big"]) == [11]


def test_ticks_go_through_filter_map_window_and_aggregate(flow):
    flow.node("ticker", Ticker, every=0.001, times=20)
    flow.node("odd", Filter, when="msg % 2 == 1")
    flow.node("square", Map, to="msg * msg")
    flow.node("fives", Window, size=5)
    flow.node("sums", Aggregate)
    for source, target in [("ticker", "odd"), ("odd", "square"), ("square", "fives"), ("fives", "sums")]:
        flow.edge(f"{source}:out", f"{target}:in")
    sums = flow["sums:out"]
    flow.start()

    assert [sums.next(timeout=5).payload.sum for _ in range(2)] == [1 + 9 + 25 + 49 + 81, 121 + 169 + 225 + 289 + 361]


def test_a_window_by_time_is_sent_by_the_clock_of_the_flow(flow):
    flow.node("window", Window, seconds=0.05)
    windows = flow["window:out"]
    flow.start()

    flow.send("window:in", 1)
    flow.send("window:in", 2)

    assert windows.next(timeout=5).payload == [1, 2]


def test_a_join_joins_what_two_edges_bring(flow):
    flow.node("ticker", Ticker, every=0.001, times=3)
    flow.node("both", Join, inputs=["plain", "double"])
    flow.edge("ticker:out", "both:plain")
    flow.edge("ticker:out", "both:double", map="msg * 2")
    joined = flow["both:out"]
    flow.start()

    assert [joined.next(timeout=5).payload for _ in range(3)] == [{"plain": n, "double": 2 * n} for n in range(3)]


def test_a_flow_of_first_components_is_found_again_in_a_process_that_knows_none_of_them(flow, tmp_path):
    flow.node("ticker", Ticker, every=0.001, times=3)
    flow.node("way", Router, routes=[{"name": "odd", "when": "msg % 2 == 1"}])
    flow.node("show", Debug)
    flow.edge("ticker:out", "way:in")
    flow.edge("way:odd", "show:in")
    text = flow.to_yaml()
    path = tmp_path / "flow.yaml"
    path.write_text(text)

    code = f"""
from tinyflow_runtime.embedded.flow import EmbeddedFlow
text = open({str(path)!r}).read()
flow = EmbeddedFlow.from_yaml(text)
assert flow.to_yaml() == text
flow.start()
flow["show:out"].next(timeout=5)
flow.stop()
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert (ran.stdout, ran.stderr, ran.returncode) == ("show: 1\n", "", 0)
