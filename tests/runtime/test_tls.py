"""Mutual TLS: whoever may not call a module is refused with the true reason, and whoever may is served.

Every intruder is a client of its own against a real module process, or a server that a real client of ours meets.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import grpc
import pytest
from tinyflow_runtime import credentials as credentials_
from tinyflow_runtime import protocol, transport
from tinyflow_runtime.answers import ERROR
from tinyflow_runtime.credentials import Credentials
from tinyflow_runtime.envelope import open_envelope
from tinyflow_runtime.errors import ModuleUnavailable
from tinyflow_runtime.host import Host
from tinyflow_runtime.identity import GATEWAY, OPERATOR, identity_of, module_identity
from tinyflow_runtime.message import Address
from tinyflow_runtime.methods import METHODS, SERVICE
from tinyflow_runtime.module import Module
from tinyflow_runtime.wire import Remote, dial, serve

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests are no packages, and these share what makes certificates

from certificates import DAY, Authority

pytestmark = pytest.mark.timeout(60)

CELL = """
from tinyflow_runtime.module import Module

module = Module("wanted")

@module.component
def double(x: int) -> int:
    return 2 * x
"""

WANTED = module_identity("here", "wanted")
NEIGHBOUR, STRANGER, FOREIGNER = (
    module_identity("here", "neighbour"),
    module_identity("here", "stranger"),
    module_identity("elsewhere", "neighbour"),
)


class Served:
    """A module process that runs a node, into which one edge leads from the neighbour; what one test sees of it."""

    def __init__(self, folder, authority, address, log=None):
        self.folder, self.authority, self.address, self.log = folder, authority, address, log
        self.trusted = authority.pem
        self._before = 0 if log is None else len(log.read_text())

    def lines(self):
        return self.log.read_text()[self._before :]

    def credentials(self, identity, *, authority=None, **more):
        place = self.folder / f"{identity.role}-{identity.namespace}-{identity.name}-{id(more):x}"
        return Credentials((authority or self.authority).of(identity, place, **more))

    async def said(self, text):
        """Wait until the server's log holds a text."""
        async with asyncio.timeout(10):
            while text not in self.lines():  # noqa: ASYNC110 # it is another process
                await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def process(folder, *arguments, name="wanted"):
    cell = folder / "cell.py"
    cell.write_text(CELL)
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tinyflow_runtime", "module", name, str(cell), "--leash", *map(str, arguments)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    try:
        line = (await process.stdout.readline()).decode()
        yield line.removeprefix("listening at ").strip()
    finally:
        process.stdin.close()
        await process.communicate()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One process for all, for they come to nothing there."""
    folder, authority = tmp_path_factory.mktemp("served"), Authority()
    (folder / "cell.py").write_text(CELL)
    command = [sys.executable, "-m", "tinyflow_runtime", "module", "wanted", folder / "cell.py", "--leash"]
    command += ["--tls", authority.of(WANTED, folder / "own"), "--listen", "0.0.0.0:0"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
    try:
        port = process.stdout.readline().decode().rpartition(":")[2]
        served = Served(folder, authority, f"127.0.0.1:{int(port)}", folder / "log")
        asyncio.run(_plan(served))
        yield served
    finally:
        process.communicate()


async def _plan(served):
    remote = Remote(served.address, credentials=served.credentials(OPERATOR), wanted=WANTED)
    edge = protocol.Incoming(flow="f", edge="e", from_module="neighbour", to="it:in")
    node = protocol.Node(flow="f", name="it", component="double")
    await remote.apply(protocol.Plan(hash="1", nodes=[node], incoming=[edge]))
    await remote.close()


@pytest.fixture
def served(shared, tmp_path):
    return Served(tmp_path, shared.authority, shared.address, shared.log)


async def raw(served, pems, method="Describe", *, wanted=WANTED, message=None, options=()):
    """What gRPC's own client is told, and the error of ours that came along."""
    secured = grpc.ssl_channel_credentials(served.trusted, *(pems[1::-1] if pems else ()))
    told = (("grpc.ssl_target_name_override", wanted.host), ("grpc.use_local_subchannel_pool", 1), *options)
    async with grpc.aio.secure_channel(served.address, secured, options=told) as channel:
        return await call(channel, method, message)


async def call(channel, method, message=None):
    kind = METHODS[method]
    shape = f"{'stream' if kind.asked else 'unary'}_{'stream' if kind.answered else 'unary'}"
    made = getattr(channel, shape)(
        f"/{SERVICE}/{method}",
        request_serializer=kind.request.SerializeToString,
        response_deserializer=kind.answer.FromString,
    )
    request = kind.request() if message is None else message
    try:
        if kind.asked:
            stream = made(iter([request]))
            answer = await stream.read()
            stream.cancel()
        elif kind.answered:
            stream = made(request, timeout=10)
            answer = await stream.read()
            stream.cancel()
        else:
            answer = await made(request, timeout=10)
    except grpc.aio.AioRpcError as error:
        carried = dict(error.trailing_metadata() or ()).get(ERROR)
        return error.code().name, open_envelope(carried) if carried else None
    return "OK", answer


async def ours(served, credentials, *, wanted=WANTED, address=""):
    """What a client of ours says."""
    remote = Remote(address or served.address, credentials=credentials, wanted=wanted)
    try:
        with pytest.raises(ModuleUnavailable) as refused:
            await remote.describe()
    finally:
        await remote.close()
    return refused.value


def hello(module, edge="e"):
    return protocol.Dispatch(
        hello=protocol.Hello(writer="w", module=module, stream=1),
        opens=[protocol.Open(number=1, flow="f", edge=edge, epoch=1)],
    )


async def delivered(served, pems, said, edge="e"):
    """The first answer to a writer that opens an edge; or the status, and the error, when it is broken off."""
    return await raw(served, pems, "Deliver", message=hello(said, edge))


# Who may


async def test_the_operator_the_gateway_and_the_neighbour_are_served(served):
    operator = served.authority.issue(OPERATOR.uri, OPERATOR.host)
    gateway = served.authority.issue(GATEWAY.uri, GATEWAY.host)
    neighbour = served.authority.issue(NEIGHBOUR.uri, NEIGHBOUR.host)

    described = await raw(served, operator)
    looked = await raw(served, gateway, "Look", message=protocol.LookRequest(flow="f", port="it:in"))
    opened = await delivered(served, neighbour, "neighbour")

    assert (described[0], described[1].module) == ("OK", "wanted")
    assert looked[0] == "OK"
    assert [each.number for each in opened[1].opened] == [1]


# The twelve intruders, and more


async def test_no_certificate(served):
    assert await raw(served, None) == ("UNAVAILABLE", None)
    await served.said("PEER_DID_NOT_RETURN_A_CERTIFICATE")


async def test_a_certificate_of_another_authority(served):
    other = Authority("another")

    assert await raw(served, other.issue(OPERATOR.uri, OPERATOR.host)) == ("UNAVAILABLE", None)
    await served.said("unable to get local issuer certificate")

    credentials = served.credentials(OPERATOR, authority=other, trusted=other.pem + served.trusted)
    error = await ours(served, credentials)
    assert error.code == "TF-153"
    assert "did not accept our certificate, which is for the operator" in error.what
    assert "trusts another authority" in str(error)


async def test_another_authority_of_the_same_name(served):
    same = Authority("tests")

    assert await raw(served, same.issue(OPERATOR.uri, OPERATOR.host)) == ("UNAVAILABLE", None)


@pytest.mark.parametrize(
    ("begins", "ends", "reason"),
    [(-9 * DAY, -DAY, "certificate has expired"), (DAY, 9 * DAY, "certificate is not yet valid")],
    ids=["3 expired", "4 not yet valid"],
)
async def test_a_certificate_that_is_not_of_now(served, begins, ends, reason):
    pems = served.authority.issue(OPERATOR.uri, OPERATOR.host, begins=begins, ends=ends)

    assert await raw(served, pems) == ("UNAVAILABLE", None)
    await served.said(reason)

    with pytest.raises(ModuleUnavailable, match=reason) as refused:  # of ours it does not even leave the machine
        served.credentials(OPERATOR, begins=begins, ends=ends)
    assert refused.value.code == "TF-155"


async def test_a_certificate_of_ours_that_expires_while_it_is_used(served):
    ends = datetime.timedelta(seconds=2)
    credentials = served.credentials(OPERATOR, ends=ends)
    async with asyncio.timeout(10):
        while "expired" not in str(error := await _told(served, credentials)):  # noqa: ASYNC110 # time passes
            await asyncio.sleep(0.1)

    assert error.code == "TF-153"
    assert "did not accept our certificate" in error.what
    assert "certificate has expired" in str(error)


async def _told(served, credentials):
    remote = Remote(served.address, credentials=credentials, wanted=WANTED)
    try:
        await remote.describe()
    except ModuleUnavailable as error:
        return error
    finally:
        await remote.close()


@pytest.mark.parametrize(
    "names",
    [
        ("spiffe://tinyflow.dev/ns/here/module/Wanted/x", "x.example"),
        ("spiffe://example.org/operator", "operator.example"),
        ("operator.tinyflow.dev",),
        (OPERATOR.uri, NEIGHBOUR.uri, "operator.tinyflow.dev"),
        (),
    ],
    ids=["5 wrong path", "5 wrong domain", "5 a host name alone", "5 two names", "6 none"],
)
async def test_a_certificate_that_names_nobody(served, names):
    status, error = await raw(served, served.authority.issue(*names))

    assert (status, error.code) == ("UNAUTHENTICATED", "TF-153")
    assert "names nobody that TinyFlow knows" in error.what
    await served.said("TF-153 The certificate of whoever called Describe of module 'wanted'")


async def test_a_module_without_an_edge(served):
    status, answer = await delivered(served, served.authority.issue(STRANGER.uri, STRANGER.host), "stranger")

    assert status == "OK"  # the stream is its own, and no edge leads along it
    assert list(answer.opened) == []
    assert [(each.code, each.number) for each in answer.refusals] == [("TF-150", 1)]
    assert "refused module 'stranger'" in answer.refusals[0].what
    await served.said("TF-150 Module 'wanted' refused module 'stranger'")


async def test_a_neighbour_on_an_edge_that_is_not_its_own(served):
    status, answer = await delivered(
        served, served.authority.issue(NEIGHBOUR.uri, NEIGHBOUR.host), "neighbour", edge="another"
    )

    assert (status, [each.code for each in answer.refusals]) == ("OK", ["TF-150"])


async def test_a_module_that_says_it_is_another_one(served):
    status, error = await delivered(served, served.authority.issue(STRANGER.uri, STRANGER.host), "neighbour")

    assert (status, error.code) == ("PERMISSION_DENIED", "TF-154")
    assert error.what == "Module 'stranger' of namespace 'here' said to be module 'neighbour'."
    await served.said(error.what.replace('"', '\\"'))


async def test_a_module_that_says_so_later_on_its_stream(served):
    async with dial(served.address, "wanted", credentials=served.credentials(STRANGER)) as stream:
        await stream.write(hello("stranger"))
        await stream.read()
        await stream.write(hello("neighbour"))
        with pytest.raises(ModuleUnavailable) as refused:
            await stream.read()

    assert refused.value.code == "TF-154"


async def test_a_module_of_that_name_in_another_namespace(served):
    status, error = await delivered(served, served.authority.issue(FOREIGNER.uri, FOREIGNER.host), "neighbour")

    assert (status, error.code) == ("PERMISSION_DENIED", "TF-154")
    assert "of namespace 'elsewhere' may not call module 'wanted' of namespace 'here'" in error.what
    await served.said("TF-154 Module 'neighbour' of namespace 'elsewhere'")


async def test_a_module_that_takes_the_writer_of_another_ends_none_of_its_streams(served):
    async with (
        dial(served.address, "wanted", credentials=served.credentials(NEIGHBOUR)) as neighbour,
        dial(served.address, "wanted", credentials=served.credentials(STRANGER)) as stranger,
    ):
        await neighbour.write(hello("neighbour"))
        assert (await neighbour.read()).opened
        taken = hello("stranger")
        taken.hello.stream = 1_000_000
        await stranger.write(taken)
        assert [each.code for each in (await stranger.read()).refusals] == ["TF-150"]
        parcel = protocol.Parcel(number=1, epoch=1, first=1, payloads=[b"\x07"])
        await neighbour.write(protocol.Dispatch(parcels=[parcel]))

        assert [each.received for each in (await neighbour.read()).receipts] == [1]


@pytest.mark.parametrize("method", sorted(METHODS.keys() - {"Deliver"}))
async def test_a_module_that_calls_what_only_operator_and_gateway_may(served, method):
    status, error = await raw(served, served.authority.issue(NEIGHBOUR.uri, NEIGHBOUR.host), method)

    assert (status, error.code) == ("PERMISSION_DENIED", "TF-154")
    assert f"may not call {method} of module 'wanted'" in error.what
    await served.said(f"TF-154 Module 'neighbour' of namespace 'here' may not call {method}")


async def test_plaintext(served):
    async with grpc.aio.insecure_channel(served.address) as channel:
        assert await call(channel, "Describe") == ("UNAVAILABLE", None)
    await served.said("WRONG_VERSION_NUMBER")

    error = await ours(served, None, wanted=None)
    assert error.code == "TF-153"
    assert "speaks TLS, and we have no certificate" in error.what


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_an_old_tls(served):
    served.credentials(OPERATOR)
    (folder,) = served.folder.glob("operator-*")

    def shake(newest):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.load_verify_locations(folder / "ca.crt")
        context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, newest
        host, _, port = served.address.rpartition(":")
        with socket.create_connection((host, int(port))) as plain, context.wrap_socket(plain) as shaken:
            return shaken.version()

    with pytest.raises(OSError, match=r"reset by peer|EOF|[Pp]rotocol"):
        await asyncio.to_thread(shake, ssl.TLSVersion.TLSv1_1)
    assert await asyncio.to_thread(shake, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"  # it was not something else
    await served.said("UNSUPPORTED_PROTOCOL")


@pytest.mark.parametrize("method", sorted({"Apply", "Load", "Drain", "Deliver"}))
async def test_the_gateway_calls_what_never_passes_it(served, method):
    status, error = await raw(served, served.authority.issue(GATEWAY.uri, GATEWAY.host), method)

    assert (status, error.code) == ("PERMISSION_DENIED", "TF-154")
    assert f"The gateway may not call {method}" in error.what
    await served.said(f"TF-154 The gateway may not call {method}")


async def test_the_operator_delivers_nothing(served):
    status, error = await raw(served, served.authority.issue(OPERATOR.uri, OPERATOR.host), "Deliver")

    assert (status, error.code) == ("PERMISSION_DENIED", "TF-154")


# Servers that are not who is wanted


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
def client(tmp_path):
    served = Served(tmp_path, Authority(), "")
    return served, served.credentials(NEIGHBOUR), served.credentials(OPERATOR)


async def _refused_by_both(client, credentials, *, secured=True):
    """What a Remote and a peer's stream say of a server; it must not have learnt what they ask."""
    served, neighbour, operator = client
    module = Any()
    async with serve(module, "127.0.0.1:0", credentials=credentials if secured else None) as address:
        error = await ours(served, operator, address=address)
        async with dial(address, "wanted", credentials=neighbour) as stream:
            with pytest.raises(ModuleUnavailable) as refused:
                await _said(stream)
    assert module.asked == []
    assert error.code == refused.value.code == "TF-153"
    assert error.what == refused.value.what
    return error.what


async def _said(stream):
    await stream.write(hello("neighbour"))
    await stream.read()


async def test_a_server_that_is_another_module(client):
    what = await _refused_by_both(client, client[0].credentials(STRANGER))

    assert "is module 'stranger' of namespace 'here', and module 'wanted' of namespace 'here' was wanted" in what


async def test_a_server_of_that_name_in_another_namespace(client):
    what = await _refused_by_both(client, client[0].credentials(module_identity("elsewhere", "wanted")))

    assert "is module 'wanted' of namespace 'elsewhere'" in what


async def test_a_server_of_another_authority(client):
    served = client[0]
    other = Authority("another")
    what = await _refused_by_both(
        client, served.credentials(WANTED, authority=other, trusted=other.pem + served.trusted)
    )

    assert "is not accepted: unable to get local issuer certificate" in what


async def test_a_server_without_tls(client):
    what = await _refused_by_both(client, None, secured=False)

    assert "does not speak TLS, so it is not module 'wanted' of namespace 'here'" in what


async def test_a_server_whose_certificate_has_expired(client):
    served = client[0]
    credentials = served.credentials(WANTED, ends=datetime.timedelta(seconds=1))
    await asyncio.sleep(1.1)
    what = await _refused_by_both(client, credentials)

    assert "is not accepted: certificate has expired" in what


async def test_nobody_is_told_as_nobody(client):
    error = await ours(client[0], client[2], address="127.0.0.1:1")

    assert error.code == "TF-163"


# Credentials


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda folder, other: (folder / "tls.key").unlink(), "tls.key: No such file"),
        (lambda folder, other: (folder / "tls.key").write_bytes(other.key), "key values mismatch"),
        (lambda folder, other: (folder / "tls.crt").write_bytes(b"none"), "one of its files is not pem"),
        (lambda folder, other: (folder / "ca.crt").write_bytes(other.trusted), "unable to get local issuer"),
        (lambda folder, other: (folder / "ca.crt").write_bytes(b""), "no certificate or crl found"),
    ],
    ids=["no key", "another key", "no certificate", "another authority", "no authority"],
)
async def test_a_process_does_not_start_with_credentials_that_cannot_be_used(tmp_path, spoil, why):
    own = tmp_path / "own"
    own.mkdir()
    for name, content in zip(("tls.crt", "tls.key", "ca.crt"), Authority().issue(WANTED.uri, WANTED.host), strict=True):
        (own / name).write_bytes(content)
    spoil(own, Authority("another").issue(WANTED.uri, WANTED.host))
    async with process(tmp_path, "--tls", own) as bound:
        assert bound == ""
    said = (tmp_path / "log").read_text()

    assert "TF-155 The certificate in" in said
    assert why in said
    assert "Traceback" not in said


async def test_a_process_does_not_serve_under_the_name_of_another(tmp_path):
    own = Authority().of(STRANGER, tmp_path / "own")
    async with process(tmp_path, "--tls", own) as bound:
        assert bound == ""

    assert "is for module 'stranger' of namespace 'here', and module 'wanted' was" in (tmp_path / "log").read_text()


async def test_without_certificates_nothing_listens_beyond_this_machine(tmp_path):
    async with process(tmp_path, "--listen", "0.0.0.0:0") as bound:
        assert bound == ""

    assert "reachable from other machines" in (tmp_path / "log").read_text()


def test_credentials_that_cannot_be_used_leave_those_of_before(tmp_path, caplog):
    authority = Authority()
    credentials = Credentials(authority.of(WANTED, tmp_path))
    before = credentials.pems

    authority.of(WANTED, tmp_path, begins=-9 * DAY, ends=-DAY)
    assert (credentials.refresh(), credentials.pems) == (1, before)
    assert "certificate has expired" in caplog.text
    authority.of(STRANGER, tmp_path)
    assert (credentials.refresh(), credentials.pems) == (1, before)
    assert "holds a certificate for module 'stranger'" in caplog.text
    authority.of(WANTED, tmp_path)
    assert credentials.refresh() == 2
    assert credentials.pems != before


def test_credentials_that_could_not_be_used_are_tried_again_and_told_once(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(credentials_, "AGAIN", 0.0)
    authority = Authority()
    credentials = Credentials(authority.of(WANTED, tmp_path))
    authority.of(WANTED, tmp_path, begins=datetime.timedelta(seconds=2))  # this machine's clock is behind
    deadline = time.monotonic() + 10
    assert credentials.refresh() == 1
    while credentials.refresh() == 1 and time.monotonic() < deadline:
        pass

    assert credentials.version == 2
    assert caplog.text.count("not yet valid") == 1


async def test_a_connection_is_made_anew_when_credentials_changed_and_calls_under_way_end_on_the_old_one(
    client, monkeypatch
):
    served, _, operator = client
    module = Waits()
    told = transport.caller_of

    def met(context):
        module.certificates.add(bytes(context.auth_context()["x509_pem_cert"][0]))
        module.ports.add(context.peer())
        return told(context)

    monkeypatch.setattr(transport, "caller_of", met)
    async with serve(module, "127.0.0.1:0", credentials=served.credentials(WANTED)) as address:
        remote = Remote(address, credentials=operator, wanted=WANTED)
        waiting = asyncio.create_task(remote.describe())
        await module.asked.wait()
        first = module.certificates.copy()
        served.authority.of(OPERATOR, operator.folder)
        module.answers.set()
        await remote.describe()
        await waiting
        await remote.describe()
        await remote.close()

    assert len(first) == 1
    assert len(module.certificates) == 2
    assert len(module.ports) == 2


class Waits:
    """Answers when it may, and keeps what callers proved."""

    def __init__(self):
        self.asked, self.answers = asyncio.Event(), asyncio.Event()
        self.certificates, self.ports = set(), set()

    async def describe(self, request):
        self.asked.set()
        await self.answers.wait()
        return protocol.Description(module="wanted")


async def test_a_stream_between_modules_outlives_its_connections_and_loses_nothing(tmp_path, monkeypatch):
    ages = (("grpc.max_connection_age_ms", 200), ("grpc.max_connection_age_grace_ms", 100))
    monkeypatch.setattr("tinyflow_runtime.transport.SECURE_OPTIONS", ages)
    authority = Authority()
    ends = {each: Credentials(authority.of(module_identity("here", each), tmp_path / each)) for each in ("aged", "old")}
    dialled = []

    @contextlib.asynccontextmanager
    async def counting(address, module):
        dialled.append(module)
        async with dial(address, module, credentials=ends["aged"]) as stream:
            yield stream

    got.clear()
    async with (
        Host("aged", dial=counting) as near,
        Host("old") as far,
        serve(far, "127.0.0.1:0", credentials=ends["old"]) as address,
    ):
        edge = protocol.Edge(id="e", port="out", to="keep:in", module="old")
        incoming = protocol.Incoming(flow="f", edge="e", from_module="aged", to="keep:in")
        keep = protocol.Node(flow="f", name="keep", component="keep")
        await far.apply(protocol.Plan(hash="1", nodes=[keep], incoming=[incoming]))
        node = protocol.Node(flow="f", name="pass", component="passes", edges=[edge])
        peer = protocol.Peer(module="old", address=address)
        await near.apply(protocol.Plan(hash="1", nodes=[node], peers=[peer]))
        sent = 0
        async with asyncio.timeout(30):
            while len(dialled) < 6:
                await near.running["f"].scheduler.send(Address("pass", "in"), sent)
                sent += 1
                await asyncio.sleep(0.002)
            while len(got) < sent:  # noqa: ASYNC110 # it comes from another host
                await asyncio.sleep(0.01)

    assert got == list(range(sent))


got: list[int] = []
aged, old = Module("aged"), Module("old")


@aged.component
def passes(x: int) -> int:
    return x


@old.component
def keep(x: int) -> None:
    got.append(x)


def test_identities_are_read_as_they_are_written():
    for identity in (OPERATOR, GATEWAY, WANTED, module_identity("0", "a-b")):
        assert identity_of([identity.uri]) == identity
    hosts = {identity.host for identity in (OPERATOR, GATEWAY, WANTED, NEIGHBOUR, FOREIGNER)}
    assert len(hosts) == 5
    for uri in (f"{OPERATOR.uri}/", f"{OPERATOR.uri}\n", "spiffe://tinyflow.dev/ns//module/x", WANTED.uri.upper(), ""):
        assert identity_of([uri]) is None


async def test_refusals_are_in_the_log_of_the_process_as_json(served):
    await raw(served, served.authority.issue())
    await served.said("TF-153")
    lines = [json.loads(line) for line in served.lines().splitlines() if line.startswith("{")]

    assert [line["level"] for line in lines if "Refused a call from ipv4:127.0.0.1" in line["message"]] == ["warning"]
