"""Renewal: a module process gets another certificate, or another authority, and serves all the while."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ssl
import sys

import pytest
from cryptography import x509
from tinyflow_operator import authority as authorities
from tinyflow_operator import certificates as ours
from tinyflow_operator.authority import Authority, make
from tinyflow_operator.certificates import Certificates
from tinyflow_operator.conditions import condition_of
from tinyflow_operator.kinds import MODULES
from tinyflow_runtime.rpc.credentials import put
from tinyflow_runtime.rpc.identity import module_identity
from tinyflow_runtime.wire import Remote

pytestmark = pytest.mark.timeout(120)

CELL = """
from tinyflow_runtime.module import Module

module = Module("m")

@module.component
def double(x: int) -> int:
    return 2 * x
"""


@contextlib.asynccontextmanager
async def mounted(place, secrets, folder):
    """A module process whose files a kubelet of the test brings: those of its Secret, soon after it changed."""
    folder.mkdir()
    (folder / "m.py").write_text(CELL)

    async def bring():
        last = None
        while True:
            pems = await secrets.of()
            if pems not in (None, last):
                put(folder / "tls", pems)
                last = pems
            await asyncio.sleep(0.2)

    task, process = asyncio.create_task(bring()), None
    try:
        async with asyncio.timeout(20):
            while not (folder / "tls").exists() or not (folder / "tls" / "ca.crt").exists():  # noqa: ASYNC110 # above
                await asyncio.sleep(0.05)
        command = [sys.executable, "-m", "tinyflow_runtime", "module", "m", folder / "m.py", "--leash"]
        process = await asyncio.create_subprocess_exec(
            *(*command, "--tls", folder / "tls", "--listen", "0.0.0.0:0"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        port = (await process.stdout.readline()).decode().strip().rpartition(":")[2]
        await place.pod("m", address=f"127.0.0.1:{port}")
        yield f"127.0.0.1:{port}"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if process is not None:
            process.stdin.close()
            await process.wait()


async def test_the_operator_speaks_to_a_module_by_certificates_and_through_their_renewal(
    place, secrets, eventually, tmp_path, monkeypatch
):
    monkeypatch.setattr(authorities, "LIFE", datetime.timedelta(seconds=9))
    monkeypatch.setattr(authorities, "LITTLE", datetime.timedelta(0))
    monkeypatch.setattr(ours, "LOOK", 0.5)
    await place.apply(MODULES, "m", {})
    async with secrets.operating() as certificates, mounted(place, secrets, tmp_path / "it") as address:
        await place.condition(MODULES, "m", status="True")
        instance = await _instance(place)
        first = await secrets.certified()
        renewed = await secrets.certified(lambda said: said != first)
        assert renewed["notAfter"] > first["notAfter"]
        again = await secrets.certified(lambda said: said != renewed)
        assert again["authority"] == first["authority"]
        await _taken(secrets, address)
        looks = certificates.looks
        await eventually(lambda: certificates.looks > looks + 1)

        found = await place.get(MODULES, "m")
        assert condition_of(found, "Ready")["status"] == "True", found
        assert condition_of(found, "Ready")["lastTransitionTime"] < renewed["notAfter"]
        assert await _instance(place) == instance  # nothing was started anew


async def _taken(secrets, address):
    """Wait until the module proves itself with what its Secret holds: the kubelet has brought it, and it was taken."""
    host, _, port = address.rpartition(":")
    async with asyncio.timeout(20):
        while True:
            shown = await asyncio.to_thread(ssl.get_server_certificate, (host, int(port)))
            held = (await secrets.of()).certificate
            if x509.load_pem_x509_certificate(shown.encode()) == x509.load_pem_x509_certificate(held):
                return
            await asyncio.sleep(0.1)  # it is another process


async def _instance(place):
    async with Certificates(place.kube, place.namespace) as certificates:
        address = (await place.get(MODULES, "m"))["status"]["address"]
        remote = Remote(address, credentials=certificates.credentials, wanted=module_identity(place.namespace, "m"))
        try:
            return (await remote.describe()).instance
        finally:
            await remote.close()


async def test_another_authority_takes_the_place_of_one_while_modules_serve(
    place, secrets, eventually, tmp_path, monkeypatch
):
    monkeypatch.setattr(ours, "LOOK", 0.2)
    old, new = make(), make()  # of one name, as ours are
    await secrets.put("tinyflow-ca", old)
    await place.apply(MODULES, "m", {})
    ready = []

    async def watch():
        while True:
            ready.append(condition_of(await place.get(MODULES, "m"), "Ready").get("status"))
            await asyncio.sleep(0.05)

    async with secrets.operating() as certificates, mounted(place, secrets, tmp_path / "it") as address:
        await place.condition(MODULES, "m", status="True")
        task = asyncio.create_task(watch())
        for pems in (
            old._replace(trusted=old.certificate + new.certificate),
            new._replace(trusted=old.certificate + new.certificate),
            new,
        ):
            await secrets.put("tinyflow-ca", pems)
            wanted = Authority(*pems).name
            await secrets.certified(lambda said, wanted=wanted: said.get("authority") == wanted)
            await _taken(secrets, address)
            looks = certificates.looks
            await eventually(lambda looks=looks: certificates.looks > looks + 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert set(ready) == {"True"}
        assert certificates.authority.trusted == new.certificate
        assert (await secrets.of()).trusted == new.certificate
