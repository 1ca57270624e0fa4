"""The gateway: who comes with which token reaches what; tokens and their reviews are a real Kubernetes'."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools

import msgspec
import pytest
from tinyflow_operator import gateway as gateway_file
from tinyflow_operator import passes as passes_file
from tinyflow_operator.addresses import Addresses
from tinyflow_operator.gateway import Gateway
from tinyflow_operator.kinds import MODULES, Kind
from tinyflow_operator.kube import Refused
from tinyflow_operator.passes import Passes
from tinyflow_runtime import protocol
from tinyflow_runtime.errors import ClusterError, ModuleUnavailable, NodeError
from tinyflow_runtime.gateway import AUDIENCE, EDITOR, VIEWER, words_for
from tinyflow_runtime.methods import METHODS, SERVICE
from tinyflow_runtime.wire import Remote, serve

ACCOUNTS = Kind("ServiceAccount", "serviceaccounts", "", "v1")
TOKENS = Kind("TokenRequest", "serviceaccounts", "authentication.k8s.io", "v1")


class Module:
    """A module server that says what came to it."""

    def __init__(self):
        self.messages = []
        self.watching = 0

    async def describe(self, request):
        return protocol.Description(module="maths", version="1")

    async def send(self, batch):
        self.messages += batch.messages
        return protocol.Accepted(count=len(batch.messages))

    async def look(self, request):
        raise NodeError("TF-107", f"There is no node {request.port!r}.", "Take another.")

    async def dead_letters(self, request):
        return protocol.Letters(letters=[protocol.Letter(id="1", reason="x" * 10_000_000)])

    async def apply(self, plan):
        raise AssertionError("nobody may")

    async def watch(self, request):
        self.watching += 1
        try:
            yield protocol.Seen()
            for number in itertools.count():
                yield protocol.Seen(message=protocol.Message(payload=msgspec.msgpack.encode(number)))
                await asyncio.sleep(0.01)
        finally:
            self.watching -= 1


class House:
    """One namespace with its two accounts, a module that runs, and a gateway in front."""

    def __init__(self, kube, namespace, module, trunk):
        self.kube, self.namespace, self.module, self.trunk = kube, namespace, module, trunk
        self.watches = []  # what is read to its end before the connection is closed

    async def token(self, account=EDITOR, *, audience=AUDIENCE, namespace="", seconds=600):
        """A token as a notebook asks for it."""
        path = f"{ACCOUNTS.path(namespace or self.namespace, account)}/token"
        spec = {"audiences": [audience] if audience else [], "expirationSeconds": seconds}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        return (await self.kube._ask("POST", path, body=body))["status"]["token"]

    def with_(self, token, *, module="maths", namespace=""):
        """The module as whoever holds that token reaches it."""

        async def words(method):
            return words_for(token, namespace or self.namespace, module) if token is not None else ()

        return Remote(f"{namespace or self.namespace}/{module}", over=self.trunk, words=words)

    async def account(self, name):
        metadata = {"name": name, "namespace": self.namespace}
        return await self.kube.create(
            ACCOUNTS, self.namespace, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
        )


@pytest.fixture
async def house(kube, namespace):
    async with opened(kube, namespace) as house:
        yield house


@contextlib.asynccontextmanager
async def opened(kube, namespace, **options):
    module = Module()
    house = House(kube, namespace, module, None)
    for name in (VIEWER, EDITOR):
        await house.account(name)
    addresses = Addresses(kube, namespace)
    async with serve(module, "127.0.0.1:0") as address, asyncio.TaskGroup() as tasks:
        key = {"name": "maths", "namespace": namespace}
        await kube.apply(MODULES, {"metadata": key, "spec": {}}, "test")
        await kube.apply(MODULES, {"metadata": key, "status": {"address": address}}, "test", part="status")
        following = tasks.create_task(addresses.run())
        await addresses.synced.wait()
        async with Gateway(Passes(kube, **options), addresses).serve("127.0.0.1:0") as bound:
            house.trunk = Remote(bound)
            yield house
        await asyncio.wait_for(asyncio.gather(*house.watches), 10)
        await house.trunk.close()
        house.trunk = None
        following.cancel()


async def refused(work):
    with pytest.raises((ClusterError, ModuleUnavailable, NodeError)) as caught:
        await work
    return caught.value


async def eventually_refused(work):
    """The API server itself remembers for ten seconds that a token was good."""
    async with asyncio.timeout(20):
        while True:
            try:
                await work()
            except ClusterError as error:
                return error
            await asyncio.sleep(0.2)


def batch(count=1):
    return protocol.Batch(messages=[protocol.Message(flow="f", to="a:in", payload=b"\x01") for _ in range(count)])


async def test_an_editor_looks_and_sends_and_a_modules_error_comes_as_it_was_raised(house):
    remote = house.with_(await house.token(EDITOR))

    described = await remote.describe()
    accepted = await remote.send(batch(3))
    error = await refused(remote.look(protocol.LookRequest(flow="f", port="b:out")))

    assert (described.module, accepted.count, len(house.module.messages)) == ("maths", 3, 3)
    assert (type(error), error.code, error.way_out) == (NodeError, "TF-107", ("Take another.",))


async def test_a_stream_passes_and_the_module_knows_when_nobody_watches_any_more(house, eventually):
    remote = house.with_(await house.token(VIEWER))

    async with contextlib.aclosing(remote.watch(protocol.WatchRequest(flow="f", port="a:out"))) as watch:
        first = await anext(watch)
        passed = [msgspec.msgpack.decode((await anext(watch)).message.payload) for _ in range(20)]
        watching = house.module.watching

    await eventually(lambda: not house.module.watching)
    assert (first.HasField("message"), passed, watching) == (False, list(range(20)), 1)


async def test_a_viewer_looks_and_does_not_send(house):
    remote = house.with_(await house.token(VIEWER))

    await remote.describe()
    errors = [
        await refused(remote.send(batch())),
        await refused(remote.replay("f")),
        await refused(remote.discard("f")),
        await refused(remote.hold(protocol.HoldRequest(flow="f", action="pause"))),
    ]

    assert {error.code for error in errors} == {"TF-186"}
    assert "which may only look" in str(errors[0])
    assert EDITOR in str(errors[0])
    assert house.module.messages == []


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
        error = await refused(_all(watch))
    await eventually(lambda: not house.module.watching)
    assert error.code == "TF-185"


async def test_what_is_the_operators_never_passes(house):
    token = await house.token(EDITOR)
    words = words_for(token, house.namespace, "maths")
    never = {"Apply", "Load", "Drain"}
    errors = {}
    for name in never:
        remote = house.with_(token)
        errors[name] = await refused(remote._ask(name, METHODS[name].request(), 5))
    async with house.trunk._connection.channel() as channel:
        code = await channel.stream_stream(f"/{SERVICE}/Deliver")(metadata=words).code()

    assert {error.code for error in errors.values()} == {"TF-186"}
    assert "only the operator, or another module, calls it" in str(errors["Apply"])
    assert code.name == "PERMISSION_DENIED"


async def test_a_module_that_is_unknown_or_away_is_told_in_words(house):
    token = await house.token(VIEWER)
    key = {"name": "asleep", "namespace": house.namespace}
    await house.kube.apply(MODULES, {"metadata": key, "spec": {}}, "test")

    unknown = await refused(house.with_(token, module="math").describe())
    nothing = await refused(house.with_(token, module="").describe())
    for _ in range(100):
        asleep = await refused(house.with_(token, module="asleep").describe())
        if "does not run" in str(asleep):
            break
        await asyncio.sleep(0.05)
    address = {"metadata": key, "status": {"address": "127.0.0.1:1"}}
    await house.kube.apply(MODULES, address, "test", part="status")
    for _ in range(100):
        gone = await refused(house.with_(token, module="asleep").describe())
        if "refused" in str(gone):
            break
        await asyncio.sleep(0.05)

    assert {error.code for error in (unknown, nothing, asleep, gone)} == {"TF-163"}
    assert "Did you mean 'maths'?" in str(unknown)
    assert "does not run right now" in str(asleep)
    assert f"The module at {house.namespace}/asleep cannot be reached" in str(gone)


async def test_large_answers_pass_and_larger_ones_than_may_be_are_refused(house):
    token = await house.token(EDITOR)
    remote = house.with_(token)

    letters = await remote.dead_letters("f")
    big = protocol.Batch(messages=[protocol.Message(payload=bytes(17 << 20))])
    error = await refused(remote.send(big, timeout=10))

    assert len(letters.letters[0].reason) == 10_000_000
    assert error.code == "TF-163"
    assert house.module.messages == []


def test_a_notebook_that_holds_all_streams_can_still_call():
    assert gateway_file.STREAMS < gateway_file.CALLS


async def test_one_account_holds_so_many_streams_and_no_more_however_many_tokens_it_has(house, monkeypatch, eventually):
    monkeypatch.setattr(gateway_file, "STREAMS", 3)
    tokens = [await house.token(VIEWER, seconds=600 + number) for number in range(5)]
    watches = [house.with_(token).watch(protocol.WatchRequest(flow="f", port="a:out")) for token in tokens]
    for watch in watches[:3]:
        await anext(watch)

    error = await refused(anext(watches[3]))
    another = house.with_(await house.token(EDITOR)).watch(protocol.WatchRequest(flow="f", port="a:out"))
    await anext(another)  # another account
    await watches[0].aclose()
    await eventually(lambda: house.module.watching == 3)
    await anext(watches[4])
    for watch in (*watches, another):
        await watch.aclose()

    assert len(set(tokens)) == 5
    assert error.code == "TF-187"
    assert f"Account '{VIEWER}' of namespace '{house.namespace}' holds 3 streams" in str(error)


async def test_a_gateway_that_ends_says_so_to_who_watches_and_finishes_calls(kube, namespace):
    async with opened(kube, namespace) as house:
        remote = house.with_(await house.token(VIEWER))
        watch = remote.watch(protocol.WatchRequest(flow="f", port="a:out"))
        await anext(watch)
        house.watches.append(asyncio.ensure_future(refused(_all(watch))))

    error = house.watches[0].result()
    assert (type(error), error.code) == (ModuleUnavailable, "TF-163")
    assert "The gateway ends" in str(error)


async def _all(watch):
    async for _ in watch:
        pass
