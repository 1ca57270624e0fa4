"""Certificates in a cluster: what its Secrets hold, and an operator that issues them and counts its looks."""

from __future__ import annotations

import asyncio
import base64
import contextlib

import pytest
from tinyflow_operator.certificates import Certificates
from tinyflow_operator.kinds import MODULES, SECRETS
from tinyflow_runtime.rpc.credentials import Pems

FILES = ("tls.crt", "tls.key", "ca.crt")


class Counted(Certificates):
    """Counts how often it was asked whether a module's certificate is good."""

    looks = 0

    async def of_module(self, module, *, serves):
        said = await super().of_module(module, serves=serves)
        self.looks += 1
        return said


class Secrets:
    """The Secrets of a place, and what the status of its module ``m`` says of the one with its certificate."""

    def __init__(self, place):
        self._place = place

    async def of(self, name="tm-m-tls"):
        """What one holds; None where there is none."""
        found = await self._place.get(SECRETS, name)
        return found and Pems(*(base64.b64decode(found["data"][name]) for name in FILES))

    async def put(self, name, pems, manager="test"):
        data = {name: base64.b64encode(pem).decode() for name, pem in zip(FILES, pems, strict=True)}
        document = {"metadata": self._place.key(name), "type": "kubernetes.io/tls", "data": data}
        await self._place.kube.apply(SECRETS, document, manager)

    async def certified(self, fits=bool):
        """What the status says, once it says what fits."""

        def said(module):
            return ((module or {}).get("status") or {}).get("certificate") or {}

        return said(await self._place.until(MODULES, "m", lambda module: fits(said(module))))

    @contextlib.asynccontextmanager
    async def operating(self, kube=None):
        """An operator that issues certificates; yields what does so, which counts its looks."""
        certificates = Counted(kube or self._place.kube, self._place.namespace)
        async with self._place.operating(kube, certificates=certificates):
            async with asyncio.timeout(10):
                while certificates.credentials is None:  # noqa: ASYNC110 # the operator begins with it
                    await asyncio.sleep(0.01)
            yield certificates


@pytest.fixture
def secrets(place):
    return Secrets(place)
