"""A connection to a pod's port through the API server, as a kubelet answers it; a real one is asked in tests/node."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from tinyflow_runtime.errors import ClusterError, ModuleUnavailable

from tinyflow_jupyter._cluster import forward as forward_file
from tinyflow_jupyter._cluster.forward import way_to
from tinyflow_jupyter._cluster.refusals import Refused

PORT = (7444).to_bytes(2, "little")


class Login:
    server_name = proxy = None

    def tls(self):
        return False

    def headers(self):
        return {"authorization": "Bearer secret"}


class Api:
    """What a cluster's API holds."""

    context = "here"

    def __init__(self, host):
        self.host, self.login = host, Login()
        self.service = {"spec": {"selector": {"app": "gateway"}, "ports": [{"port": 7444, "targetPort": "grpc"}]}}
        self.pods = [pod("one")]

    def get(self, kind, name, *, namespace):
        return self.service

    def objects(self, kind, *, label, namespace):
        assert (label, namespace) == ("app=gateway", "tinyflow-system")
        return self.pods


def pod(name, *, ready="True", **metadata):
    ports = [{"name": "grpc", "containerPort": 7444}]
    conditions = [{"type": "Ready", "status": ready}]
    return {
        "metadata": {"name": name, **metadata},
        "spec": {"containers": [{"ports": ports}]},
        "status": {"conditions": conditions},
    }


class Kubelet:
    """Answers a port-forward with an echo, or as it is told."""

    def __init__(self):
        self.asked, self.status, self.trouble, self.goes_on = [], 101, "", asyncio.Event()
        self.goes_on.set()

    async def answer(self, request):
        self.asked.append((request.path, dict(request.query), request.headers.get("authorization")))
        await self.goes_on.wait()
        if self.status != 101:
            return web.Response(status=self.status)
        socket = web.WebSocketResponse(protocols=("v4.channel.k8s.io",))
        await socket.prepare(request)
        await socket.send_bytes(b"\x00" + PORT)
        await socket.send_bytes(b"\x01" + PORT)
        if self.trouble:
            await socket.send_bytes(b"\x01" + self.trouble.encode())
        async for message in socket:
            if message.data[1:] == b"bye":
                break
            await socket.send_bytes(b"\x00" + message.data[1:])
        return socket


@pytest.fixture
async def kubelet():
    kubelet = Kubelet()
    app = web.Application()
    app.router.add_get("/{rest:.*}", kubelet.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    kubelet.api = Api(f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}")
    yield kubelet
    kubelet.goes_on.set()
    await runner.cleanup()


async def test_bytes_go_both_ways_and_the_first_of_each_channel_is_none_of_them(kubelet):
    far = await way_to(kubelet.api, "tinyflow-system/tinyflow-gateway")()

    await far.write(b"one")
    first = await far.read()
    await far.write(bytes(100_000))
    second = await far.read()
    await far.write(b"bye")
    end = await far.read()
    await far.close()

    assert (first, len(second), end) == (b"one", 100_000, b"")
    path = "/api/v1/namespaces/tinyflow-system/pods/one/portforward"
    assert kubelet.asked == [(path, {"ports": "7444"}, "Bearer secret")]


async def test_only_a_pod_that_is_ready_and_stays_is_asked(kubelet):
    kubelet.api.pods = [pod("late", ready="False"), pod("leaving", deletionTimestamp="now"), pod("good")]

    far = await way_to(kubelet.api, "tinyflow-system/tinyflow-gateway")()
    await far.close()
    kubelet.api.pods.pop()
    with pytest.raises(ModuleUnavailable, match=r"TF-163 None of 2 pods of the gateway .* is ready"):
        await way_to(kubelet.api, "tinyflow-system/tinyflow-gateway")()

    assert kubelet.asked[0][0].split("/")[6] == "good"


async def test_a_service_that_is_gone_is_told(kubelet):
    kubelet.api.service = None

    with pytest.raises(ModuleUnavailable, match=r"TF-163 The gateway tinyflow-system/tinyflow-gateway .* not on here"):
        await way_to(kubelet.api, "tinyflow-system/tinyflow-gateway")()


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (403, Refused, r"TF-161 You may not reach the gateway .* pods/portforward in 'tinyflow-system'[\s\S]*user"),
        (401, Refused, r"TF-161 .* does not take the login[\s\S]*Log in again"),
        (400, Refused, r"TF-161 .* answers 400[\s\S]*proxy"),
        (404, ModuleUnavailable, r"TF-163 The connection to the gateway's pod 'one' broke: 404"),
        (502, ModuleUnavailable, r"TF-163 .*broke: 502"),
    ],
)
async def test_a_refusal_says_what_is_missing(kubelet, status, kind, said):
    kubelet.status = status

    with pytest.raises(kind, match=said):
        await way_to(kubelet.api, "tinyflow-system/tinyflow-gateway")()


async def test_what_the_machine_of_the_pod_says_of_the_port_is_told(kubelet):
    kubelet.trouble = "error forwarding port 7444: connection refused"

    far = await way_to(kubelet.api, "tinyflow-system/tinyflow-gateway")()
    with pytest.raises(ModuleUnavailable, match=r"TF-163 .*'one' broke: error forwarding port 7444: conn"):
        await far.read()
    await far.close()


async def test_an_api_server_that_hangs_or_is_away_is_told_in_time(kubelet, monkeypatch):
    monkeypatch.setattr(forward_file, "CONNECT", 0.1)
    kubelet.goes_on.clear()

    with pytest.raises(ClusterError, match=r"TF-162 The cluster 'here' at .* cannot be reached: it took too long"):
        await way_to(kubelet.api, "tinyflow-system/tinyflow-gateway")()
    kubelet.api.host = "http://127.0.0.1:1"
    with pytest.raises(ClusterError, match=r"TF-162 .* cannot be reached"):
        await way_to(kubelet.api, "tinyflow-system/tinyflow-gateway")()
