"""Servers that are not who is wanted: neither a client of ours nor a peer's stream tells them anything."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tinyflow_runtime import protocol
from tinyflow_runtime.errors import ModuleUnavailable
from tinyflow_runtime.rpc.identity import OPERATOR, module_identity
from tinyflow_runtime.wire import dial, serve

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests are no packages, and these share what makes certificates

from certificates import DAY, NEIGHBOUR, STRANGER, WANTED, Authority

pytestmark = pytest.mark.timeout(60)


class Any:
    """Would answer everybody."""

    def __init__(self):
        self.asked = []

    async def describe(self, request):
        self.asked.append(request)
        return protocol.Description(module="wanted")

    async def deliver(self, stream):
        self.asked.append(await stream.read())


@pytest.fixture
def refused_by_both(unserved, hello):
    """What a Remote and a peer's stream say of a server with these credentials, to which they have told nothing."""

    async def refused_by_both(credentials):
        module = Any()
        async with serve(module, "127.0.0.1:0", credentials=credentials) as address:
            error = await unserved.refused(unserved.credentials(OPERATOR), address=address)
            async with dial(address, "wanted", credentials=unserved.credentials(NEIGHBOUR)) as stream:
                with pytest.raises(ModuleUnavailable) as refused:
                    await _said(stream, hello("neighbour"))
        assert module.asked == []
        assert error.code == refused.value.code == "TF-153"
        assert error.what == refused.value.what
        return error.what

    return refused_by_both


async def _said(stream, message):
    await stream.write(message)
    await stream.read()


async def test_a_server_that_is_another_module(unserved, refused_by_both):
    what = await refused_by_both(unserved.credentials(STRANGER))

    assert "is module 'stranger' of namespace 'here', and module 'wanted' of namespace 'here' was wanted" in what


async def test_a_server_of_that_name_in_another_namespace(unserved, refused_by_both):
    what = await refused_by_both(unserved.credentials(module_identity("elsewhere", "wanted")))

    assert "is module 'wanted' of namespace 'elsewhere'" in what


async def test_a_server_of_another_authority(unserved, refused_by_both):
    other = Authority("another")
    theirs = unserved.credentials(WANTED, authority=other, trusted=other.pem + unserved.trusted)
    what = await refused_by_both(theirs)

    assert "is not accepted: unable to get local issuer certificate" in what


async def test_a_server_without_tls(refused_by_both):
    what = await refused_by_both(None)

    assert "does not speak TLS, so it is not module 'wanted' of namespace 'here'" in what


async def test_a_server_whose_certificate_has_expired(unserved, refused_by_both):
    credentials = unserved.credentials(WANTED)
    credentials.pems = unserved.authority.issue(WANTED.uri, WANTED.host, begins=-9 * DAY, ends=-DAY)  # time has passed
    what = await refused_by_both(credentials)

    assert "is not accepted: certificate has expired" in what


async def test_nobody_is_told_as_nobody(unserved):
    error = await unserved.refused(unserved.credentials(OPERATOR), address="127.0.0.1:1")

    assert error.code == "TF-163"
