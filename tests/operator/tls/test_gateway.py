"""The gateway proves itself to notebooks by its certificate, and to modules, which prove themselves to it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

import pytest
from tinyflow_operator import gateway as gateway_file
from tinyflow_operator.gateway import Gateway
from tinyflow_operator.passes import Pass
from tinyflow_runtime import protocol
from tinyflow_runtime.errors import ClusterError, ModuleUnavailable, TinyFlowError
from tinyflow_runtime.rpc.credentials import Credentials
from tinyflow_runtime.rpc.gateway import EDITOR, words_for
from tinyflow_runtime.rpc.identity import GATEWAY, OPERATOR, module_identity
from tinyflow_runtime.wire import Remote, serve

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests are no packages, and these share what makes certificates

from certificates import Authority

MATHS = module_identity("here", "maths")


class Everybody:
    """Takes every token: who holds which is another file's."""

    async def of(self, token):
        return Pass("here", EDITOR, 0.0)


class At:
    """Knows where the one module is."""

    def __init__(self, address):
        self.address = address

    def of(self, namespace, module):
        return self.address


class Module:
    async def describe(self, request):
        return protocol.Description(module="maths")


async def words(method):
    return words_for("token", "here", "maths")


@contextlib.asynccontextmanager
async def behind(authority, tmp_path, *, module=MATHS, gateway=GATEWAY, modules=None, listen="127.0.0.1:0"):
    """A module and a gateway in front, each with a certificate; the gateway's address."""
    theirs = Credentials((modules or authority).of(module, tmp_path / "module"))
    ours = Credentials(authority.of(gateway, tmp_path / "gateway"))
    async with (
        serve(Module(), "127.0.0.1:0", credentials=theirs) as address,
        Gateway(Everybody(), At(address), ours).serve(listen) as bound,
    ):
        yield bound


async def describe(address, trusted, *, wanted=GATEWAY):
    remote = Remote(address, trusted=trusted, wanted=wanted)
    try:
        return await Remote("here/maths", over=remote, words=words).describe(timeout=5)
    except TinyFlowError as error:
        return error
    finally:
        await remote.close()


async def test_a_notebook_without_a_certificate_reaches_a_module_that_asks_for_one(tmp_path):
    authority = Authority()

    async with behind(authority, tmp_path) as address:
        described = await describe(address, authority.pem)

    assert described.module == "maths"


async def test_a_gateway_of_another_authority_or_identity_is_shown_no_token(tmp_path):
    authority, other = Authority(), Authority("other")
    shown = []

    async def telling(method):
        shown.append(method)
        return await words(method)

    async with behind(authority, tmp_path) as address:
        of_other = await describe(address, other.pem)
        remote = Remote(address, trusted=authority.pem, wanted=OPERATOR)
        with pytest.raises(ModuleUnavailable) as of_operator:
            await remote.describe(timeout=5)
        await remote.close()

    assert (of_other.code, of_operator.value.code) == ("TF-153", "TF-153")
    assert "the gateway" in str(of_other)
    assert "is the gateway, and the operator was wanted" in str(of_operator.value)


async def test_a_module_that_is_another_one_than_was_meant_is_asked_nothing(tmp_path):
    authority = Authority()

    async with behind(authority, tmp_path, module=module_identity("here", "texts")) as address:
        error = await describe(address, authority.pem)

    assert error.code == "TF-153"
    assert "module 'texts' of namespace 'here', and module 'maths'" in str(error)


async def test_a_module_that_trusts_another_authority_turns_the_gateway_away_and_that_is_said(tmp_path):
    authority = Authority()

    async with behind(authority, tmp_path, modules=Authority("other")) as address:
        error = await describe(address, authority.pem)

    assert error.code == "TF-153"


async def test_whoever_is_not_the_gateway_by_its_certificate_serves_none(tmp_path):
    folder = Authority().of(MATHS, tmp_path / "tls")

    with pytest.raises(ClusterError, match=r"TF-160 The certificate .* is for module 'maths'.* not for the gateway"):
        gateway_file._credentials(folder)


async def test_only_with_a_certificate_a_gateway_listens_beyond_this_machine(tmp_path):
    with pytest.raises(ValueError, match="reachable from other machines"):
        async with Gateway(Everybody(), At("")).serve("0.0.0.0:0"):
            pass
    authority = Authority()
    async with behind(authority, tmp_path, listen="0.0.0.0:0") as address:
        described = await describe(f"127.0.0.1:{address.rpartition(':')[2]}", authority.pem)
    assert described.module == "maths"


async def test_a_new_certificate_is_used_without_a_restart(tmp_path):
    authority, next_one = Authority(), Authority("next")
    async with behind(authority, tmp_path) as address:
        before = await describe(address, authority.pem)
        authority_of_both = authority.pem + next_one.pem
        for name, identity in (("module", MATHS), ("gateway", GATEWAY)):
            next_one.of(identity, tmp_path / name, trusted=authority_of_both)
        async with asyncio.timeout(10):
            while isinstance(after := await describe(address, next_one.pem), TinyFlowError):  # noqa: ASYNC110  # files tell nobody
                await asyncio.sleep(0.1)

    assert (before.module, after.module) == ("maths", "maths")
