"""The gateway: who comes with which token reaches what; tokens and their reviews are a real Kubernetes'."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import sys
from pathlib import Path

import pytest
from tinyflow_operator import gateway as gateway_file
from tinyflow_operator import passes as passes_file
from tinyflow_operator.kube import Refused
from tinyflow_operator.passes import Passes
from tinyflow_runtime import protocol
from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.rpc.gateway import EDITOR, VIEWER

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests are no packages, and these share with others

from houses import ACCOUNTS, House, opened, refused, to_its_end


@pytest.fixture
async def house(kube, namespace):
    async with opened(kube, namespace) as house:
        yield house


async def eventually_refused(work):
    """The API server itself remembers for ten seconds that a token was good."""
    async with asyncio.timeout(20):
        while True:
            try:
                await work()
            except ClusterError as error:
                return error
            await asyncio.sleep(0.2)


async def test_who_brings_no_token_or_no_sense_is_told_so(house):
    nothing = await refused(house.with_(None).describe())
    nonsense = await refused(house.with_("no.such.token").describe())
    long = await refused(house.with_("x" * 20_000).describe())

    assert [error.code for error in (nothing, nonsense, long)] == ["TF-185"] * 3
    assert "without a token" in str(nothing)
    assert "no token of a ServiceAccount" in str(nonsense)
    assert "too long" in str(long)


NONSENSE = [
    b'{"aud":5}',
    b'{"exp":1' + b"0" * 400 + b"}",
    b"[" * 12_000,
    b'{"x":' + b"[" * 11_000,
    b'{"exp":1e999}',
    b"\xff",
]


def made_up(claims: bytes) -> str:
    """A token that nobody signed."""
    return f"a.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.b"


@pytest.mark.parametrize("claims", NONSENSE, ids=range(len(NONSENSE)))
async def test_a_token_that_is_made_up_is_refused_as_any_other_and_costs_the_cluster_nothing(house, claims):
    before = asked_of_tokens(house.kube)

    error = await refused(house.with_(made_up(claims)).describe())

    assert error.code == "TF-185"
    assert "no token of a ServiceAccount" in str(error)
    assert asked_of_tokens(house.kube) == before


def asked_of_tokens(kube):
    """A review is something that is created; the gateway creates nothing else, and watches all the time."""
    return sum(count for (method, _), count in kube.counts.items() if method == "POST")


async def test_however_many_tokens_are_made_up_the_cluster_is_asked_of_a_few_at_once(kube, monkeypatch):
    asking, most = 0, 0

    async def create(kind, namespace, document):
        nonlocal asking, most
        asking, most = asking + 1, max(most, asking + 1)
        await asyncio.sleep(0)
        asking -= 1
        return {"status": {"error": "invalid bearer token"}}

    monkeypatch.setattr(kube, "create", create)
    passes = Passes(kube)
    tokens = [made_up(b'{"aud":"tinyflow-gateway","jti":"%d"}' % number) for number in range(100)]
    errors = await asyncio.gather(*(refused(passes.of(token)) for token in tokens))

    assert {error.code for error in errors} == {"TF-185"}
    assert most == passes_file.AT_ONCE


async def test_a_token_for_the_api_server_or_anybody_else_opens_nothing(house):
    of_api = await refused(house.with_(await house.token(audience="")).describe())
    of_vault = await refused(house.with_(await house.token(audience="vault")).describe())

    assert (of_api.code, of_vault.code) == ("TF-185", "TF-185")
    assert "is for vault, not for tinyflow-gateway" in str(of_vault)


async def test_a_token_of_another_namespace_opens_nothing_here(house, kube):
    default = House(kube, "default", None, None)
    with contextlib.suppress(Refused):  # other tests of this server may have made it
        await default.account(EDITOR)
    token = await default.token(EDITOR)

    error = await refused(house.with_(token).describe())

    assert error.code == "TF-186"
    assert f"'default' opens nothing in namespace '{house.namespace}'" in str(error)


async def test_an_account_of_another_name_has_no_business_here(house):
    await house.account("builder")

    error = await refused(house.with_(await house.token("builder")).describe())

    assert error.code == "TF-186"
    assert f"system:serviceaccount:{house.namespace}:builder" in str(error)


async def test_a_token_is_worth_nothing_after_its_account_was_deleted(house, monkeypatch):
    monkeypatch.setattr(passes_file, "CACHED", 0.0)
    token = await house.token(VIEWER)
    await house.with_(token).describe()

    await house.kube.delete(ACCOUNTS, house.namespace, VIEWER)
    error = await eventually_refused(house.with_(token).describe)
    await house.account(VIEWER)  # of the same name, and not the same
    again = await refused(house.with_(token).describe())

    assert (error.code, again.code) == ("TF-185", "TF-185")
    assert "may have been deleted" in str(error)


async def test_an_answer_about_a_token_stands_for_some_seconds_and_no_longer_than_the_token(house, kube):
    now = [1_000_000.0]
    passes = Passes(kube, clock=lambda: now[0])
    token = await house.token(VIEWER)
    reviews = ("POST", "201")

    before = kube.counts[reviews]
    await asyncio.gather(*(passes.of(token) for _ in range(50)))
    asked = kube.counts[reviews] - before
    now[0] += passes_file.CACHED + 0.1
    await passes.of(token)

    assert (asked, kube.counts[reviews] - before) == (1, 2)


async def test_a_token_that_has_expired_is_told_from_others(house, kube, monkeypatch):
    passes = Passes(kube)
    token = await house.token(VIEWER)
    until = (await passes.of(token)).until
    later = Passes(kube, clock=lambda: until + 5)

    async def says_no(kind, namespace, document):
        return {"status": {"error": "token has expired"}}

    monkeypatch.setattr(kube, "create", says_no)  # no token of Kubernetes lives less than ten minutes
    error = await refused(later.of(token))
    cached = await passes.of(token)

    assert (error.code, cached.namespace) == ("TF-185", house.namespace)
    assert "expired 5 s ago" in str(error)


async def test_a_stream_ends_when_its_token_is_no_longer_good(house, monkeypatch, eventually):
    monkeypatch.setattr(passes_file, "CACHED", 0.0)
    monkeypatch.setattr(gateway_file, "AGAIN", 0.1)
    remote = house.with_(await house.token(VIEWER))
    watch = remote.watch(protocol.WatchRequest(flow="f", port="a:out"))
    await anext(watch)

    await house.kube.delete(ACCOUNTS, house.namespace, VIEWER)

    async with asyncio.timeout(20):
        error = await refused(to_its_end(watch))
    await eventually(lambda: not house.module.watching)
    assert error.code == "TF-185"
