import asyncio

import aiohttp
import pytest
from tinyflow_runtime.components import HttpServer, HttpServerSettings, Response
from tinyflow_runtime.errors import NotRunning, PayloadError, SettingsError


class Flow:
    """Stands for the flow around a server: what is asked is answered by `answer`, if at all."""

    def __init__(self, node: HttpServer):
        self.node = node
        self.asked = []
        self.arrived = asyncio.Event()
        self.address = asyncio.Queue()
        self.answer = lambda request: Response(request.id, f"hello {request.path}")

    async def __call__(self, port, payload):
        if port == "address":
            self.address.put_nowait(payload)
            return
        self.asked.append(payload)
        self.arrived.set()
        answer = self.answer(payload)
        if answer is not None:
            await self.node.handle(self, "response", answer)


@pytest.fixture
async def serve():
    stops = []

    async def _serve(**settings):
        node = HttpServer()
        node.settings = HttpServerSettings(**settings)
        flow = Flow(node)
        await node.start(flow)
        source = asyncio.create_task(node.run(flow))
        client = aiohttp.ClientSession()

        async def stop():
            source.cancel()
            await asyncio.gather(source, return_exceptions=True)
            await node.stop()
            await client.close()

        stops.append(stop)
        return flow, client, await flow.address.get()

    yield _serve
    for stop in stops:
        await stop()


async def test_a_request_goes_into_the_flow_and_its_answer_to_the_client(serve):
    flow, client, address = await serve()

    async with client.get(f"{address}/vitals?of=cpu", headers={"Accept": "text/plain", "Cookie": "secret"}) as response:
        assert (response.status, await response.text()) == (200, "hello /vitals")
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"

    asked = flow.asked[0]
    assert (asked.method, asked.path, asked.query, asked.body) == ("GET", "/vitals", {"of": "cpu"}, None)
    assert asked.headers["accept"] == "text/plain"
    assert "secret" not in str(asked)


@pytest.mark.parametrize(
    ("send", "body"),
    [
        ({"json": {"a": [1]}}, {"a": [1]}),
        ({"data": {"a": "1"}}, {"a": "1"}),
        ({"data": "été", "headers": {"Content-Type": "text/plain; charset=utf-8"}}, "été"),
        ({"data": b"\x00\x01"}, b"\x00\x01"),
    ],
)
async def test_a_body_arrives_as_its_content_type_says(serve, send, body):
    flow, client, address = await serve()

    async with client.post(address, **send) as response:
        assert response.status == 200

    assert flow.asked[0].body == body


@pytest.mark.parametrize(
    ("body", "type_", "raw"),
    [
        ({"a": 1}, "application/json", b'{"a":1}'),
        (b"\x00", "application/octet-stream", b"\x00"),
        (None, "application/json", b""),
    ],
)
async def test_an_answer_is_sent_as_what_it_is(serve, body, type_, raw):
    flow, client, address = await serve()
    flow.answer = lambda request: Response(request.id, body, status=201)

    async with client.get(address) as response:
        assert (response.status, response.content_type, await response.read()) == (201, type_, raw)


async def test_answers_find_their_clients_in_any_order(serve):
    flow, client, address = await serve()
    held, everybody = [], asyncio.Event()

    def hold(request):
        held.append(request)
        if len(held) == 20:
            everybody.set()

    flow.answer = hold
    clients = [asyncio.create_task(_text(client, f"{address}/{number}")) for number in range(20)]
    await everybody.wait()

    for request in reversed(held):
        await flow.node.handle(flow, "response", Response(request.id, request.path))

    assert await asyncio.gather(*clients) == [f"/{number}" for number in range(20)]


async def _text(client, url):
    async with client.get(url) as response:
        return await response.text()


async def test_a_flow_that_does_not_answer_in_time_is_504_and_its_late_answer_an_error(serve):
    flow, client, address = await serve(timeout=0.05)
    flow.answer = lambda request: None

    async with client.get(address) as response:
        assert response.status == 504
        assert await response.text() == "The flow did not answer within 0.05 s.\n"

    with pytest.raises(LookupError, match="Nobody waits for an answer"):
        await flow.node.handle(flow, "response", Response(flow.asked[0].id, "late"))


async def test_a_second_answer_is_an_error(serve):
    flow, client, address = await serve()

    await _text(client, address)

    with pytest.raises(LookupError):
        await flow.node.handle(flow, "response", Response(flow.asked[0].id))


async def test_when_too_many_wait_further_ones_are_sent_away(serve):
    flow, client, address = await serve(waiting=1)
    flow.answer = lambda request: None
    first = asyncio.create_task(_text(client, address))
    await flow.arrived.wait()

    async with client.get(address) as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "1")

    await flow.node.handle(flow, "response", Response(flow.asked[0].id, "done"))
    assert await first == "done"


async def test_a_client_that_leaves_is_forgotten(serve):
    flow, client, address = await serve()
    flow.answer = lambda request: Response(request.id) if request.path == "/next" else None
    leaving = asyncio.create_task(_text(client, address))
    await flow.arrived.wait()

    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    async with client.get(f"{address}/next", timeout=aiohttp.ClientTimeout(5)) as response:
        assert response.status == 200

    assert flow.node._clients == {}


async def test_who_waits_when_the_flow_stops_gets_503(serve):
    flow, client, address = await serve()
    flow.answer = lambda request: None
    waiting = asyncio.create_task(_status(client, address))
    await flow.arrived.wait()

    await flow.node.stop()

    assert await waiting == 503


async def _status(client, url):
    async with client.get(url) as response:
        return response.status


@pytest.mark.parametrize(
    ("raised", "status"), [(PayloadError("TF-121", "Too big."), 400), (NotRunning("TF-135", ""), 503)]
)
async def test_a_request_that_the_flow_refuses_is_answered_all_the_same(serve, raised, status):
    flow, client, address = await serve()

    def refuse(request):
        raise raised

    flow.answer = refuse

    assert await _status(client, address) == status


async def test_an_answer_that_cannot_be_sent_is_500_for_the_client_and_an_error_at_the_node(serve):
    flow, client, address = await serve()
    flow.answer = lambda request: None
    waiting = asyncio.create_task(_status(client, address))
    await flow.arrived.wait()

    with pytest.raises(ValueError, match="header of an answer cannot hold"):
        await flow.node.handle(flow, "response", Response(flow.asked[0].id, headers={"X": "a\r\nSet-Cookie: b"}))

    assert await waiting == 500


async def test_a_body_that_is_too_large_is_413_and_one_that_is_no_json_400(serve):
    flow, client, address = await serve(largest=10)

    async with client.post(address, data=b"x" * 11) as large, client.post(
        address, data=b"{", headers={"Content-Type": "application/json"}
    ) as broken:  # fmt: skip
        assert (large.status, broken.status) == (413, 400)

    assert flow.asked == []


async def test_a_body_that_never_ends_is_408(serve):
    flow, client, address = await serve(timeout=0.05)
    never = asyncio.Event()

    async def body():
        yield b"x"
        await never.wait()

    async with client.post(address, data=body()) as response:
        assert response.status == 408

    never.set()
    assert flow.asked == []


async def test_a_name_from_elsewhere_that_points_to_this_computer_is_refused(serve):
    flow, client, address = await serve()

    async with client.get(address, headers={"Host": "evil.example"}) as response:
        assert response.status == 403

    assert flow.asked == []


async def test_a_port_that_is_taken_is_named_with_the_way_out(serve):
    _, _, address = await serve()
    second = HttpServer()
    second.settings = HttpServerSettings(port=int(address.rsplit(":", 1)[1]))

    with pytest.raises(SettingsError, match=r"cannot listen at 127\.0\.0\.1:\d+") as caught:
        await second.start(Flow(second))

    assert "port=0" in str(caught.value)


async def test_a_move_to_a_port_that_is_taken_is_an_error_and_the_server_stays_where_it_was(serve):
    _, _, taken = await serve()
    flow, client, address = await serve()

    flow.node.settings = HttpServerSettings(port=int(taken.rsplit(":", 1)[1]))
    with pytest.raises(SettingsError, match="cannot listen"):
        await flow.node.handle(flow, "settings", flow.node.settings)

    assert await _text(client, address) == "hello /"


async def test_new_settings_move_the_server_to_another_port(serve):
    flow, client, address = await serve()

    flow.node.settings = HttpServerSettings(host="localhost")
    await flow.node.handle(flow, "settings", flow.node.settings)
    moved = await flow.address.get()

    assert moved != address
    assert await _text(client, moved) == "hello /"
    with pytest.raises(aiohttp.ClientConnectionError):
        await _text(client, address)
