"""Who calls a module: whoever may not is refused with the true reason, and whoever may is served.

Every intruder is a client of its own against a real module process.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import socket
import ssl
import sys
from pathlib import Path

import pytest
from tinyflow_runtime import protocol
from tinyflow_runtime.errors import ModuleUnavailable
from tinyflow_runtime.rpc.identity import GATEWAY, OPERATOR
from tinyflow_runtime.rpc.methods import METHODS
from tinyflow_runtime.wire import Remote, dial

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests are no packages, and these share what makes certificates

from certificates import DAY, FOREIGNER, NEIGHBOUR, STRANGER, WANTED, Authority

pytestmark = pytest.mark.timeout(60)


async def test_the_operator_the_gateway_and_the_neighbour_are_served(served):
    operator = served.issue(OPERATOR)
    gateway = served.issue(GATEWAY)
    neighbour = served.issue(NEIGHBOUR)

    described = await served.asked(operator)
    looked = await served.asked(gateway, "Look", protocol.LookRequest(flow="f", port="it:in"))
    opened = await served.delivered(neighbour, "neighbour")

    assert (described[0], described[1].module) == ("OK", "wanted")
    assert looked[0] == "OK"
    assert [each.number for each in opened[1].opened] == [1]


async def test_no_certificate(served):
    assert await served.asked(None) == ("UNAVAILABLE", None)
    await served.said("PEER_DID_NOT_RETURN_A_CERTIFICATE")


async def test_a_certificate_of_another_authority(served):
    other = Authority("another")

    assert await served.asked(other.issue(OPERATOR.uri, OPERATOR.host)) == ("UNAVAILABLE", None)
    await served.said("unable to get local issuer certificate")

    credentials = served.credentials(OPERATOR, authority=other, trusted=other.pem + served.trusted)
    error = await served.refused(credentials)
    assert error.code == "TF-153"
    assert "did not accept our certificate, which is for the operator" in error.what
    assert "trusts another authority" in str(error)


async def test_another_authority_of_the_same_name(served):
    same = Authority("tests")

    assert await served.asked(same.issue(OPERATOR.uri, OPERATOR.host)) == ("UNAVAILABLE", None)


@pytest.mark.parametrize(
    ("begins", "ends", "reason"),
    [(-9 * DAY, -DAY, "certificate has expired"), (DAY, 9 * DAY, "certificate is not yet valid")],
    ids=["expired", "not yet valid"],
)
async def test_a_certificate_that_is_not_of_now(served, begins, ends, reason):
    pems = served.authority.issue(OPERATOR.uri, OPERATOR.host, begins=begins, ends=ends)

    assert await served.asked(pems) == ("UNAVAILABLE", None)
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
    ids=["wrong path", "wrong domain", "a host name alone", "two names", "none"],
)
async def test_a_certificate_that_names_nobody(served, names):
    status, error = await served.asked(served.authority.issue(*names))

    assert (status, error.code) == ("UNAUTHENTICATED", "TF-153")
    assert "names nobody that TinyFlow knows" in error.what
    await served.said("TF-153 The certificate of whoever called Describe of module 'wanted'")


async def test_a_module_without_an_edge(served):
    status, answer = await served.delivered(served.issue(STRANGER), "stranger")

    assert status == "OK"  # the stream is its own, and no edge leads along it
    assert list(answer.opened) == []
    assert [(each.code, each.number) for each in answer.refusals] == [("TF-150", 1)]
    assert "refused module 'stranger'" in answer.refusals[0].what
    await served.said("TF-150 Module 'wanted' refused module 'stranger'")


async def test_a_neighbour_on_an_edge_that_is_not_its_own(served):
    status, answer = await served.delivered(served.issue(NEIGHBOUR), "neighbour", edge="another")

    assert (status, [each.code for each in answer.refusals]) == ("OK", ["TF-150"])


async def test_a_module_that_says_it_is_another_one(served):
    status, error = await served.delivered(served.issue(STRANGER), "neighbour")

    assert (status, error.code) == ("PERMISSION_DENIED", "TF-154")
    assert error.what == "Module 'stranger' of namespace 'here' said to be module 'neighbour'."
    await served.said(error.what.replace('"', '\\"'))


async def test_a_module_that_says_so_later_on_its_stream(served, hello):
    async with dial(served.address, "wanted", credentials=served.credentials(STRANGER)) as stream:
        await stream.write(hello("stranger"))
        await stream.read()
        await stream.write(hello("neighbour"))
        with pytest.raises(ModuleUnavailable) as refused:
            await stream.read()

    assert refused.value.code == "TF-154"


async def test_a_module_of_that_name_in_another_namespace(served):
    status, error = await served.delivered(served.issue(FOREIGNER), "neighbour")

    assert (status, error.code) == ("PERMISSION_DENIED", "TF-154")
    assert "of namespace 'elsewhere' may not call module 'wanted' of namespace 'here'" in error.what
    await served.said("TF-154 Module 'neighbour' of namespace 'elsewhere'")


async def test_a_module_that_takes_the_writer_of_another_ends_none_of_its_streams(served, hello):
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
    status, error = await served.asked(served.issue(NEIGHBOUR), method)

    assert (status, error.code) == ("PERMISSION_DENIED", "TF-154")
    assert f"may not call {method} of module 'wanted'" in error.what
    await served.said(f"TF-154 Module 'neighbour' of namespace 'here' may not call {method}")


async def test_plaintext(served):
    assert await served.asked_in_the_clear() == ("UNAVAILABLE", None)
    await served.said("WRONG_VERSION_NUMBER")

    error = await served.refused(None, wanted=None)
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


@pytest.mark.parametrize("method", ["Apply", "Load", "Drain", "Deliver"])
async def test_the_gateway_calls_what_never_passes_it(served, method):
    status, error = await served.asked(served.issue(GATEWAY), method)

    assert (status, error.code) == ("PERMISSION_DENIED", "TF-154")
    assert f"The gateway may not call {method}" in error.what
    await served.said(f"TF-154 The gateway may not call {method}")


async def test_the_operator_delivers_nothing(served):
    status, error = await served.asked(served.issue(OPERATOR), "Deliver")

    assert (status, error.code) == ("PERMISSION_DENIED", "TF-154")


async def test_refusals_are_in_the_log_of_the_process_as_json(served):
    await served.asked(served.authority.issue())
    await served.said("TF-153")
    lines = [json.loads(line) for line in served.lines().splitlines() if line.startswith("{")]

    assert [line["level"] for line in lines if "Refused a call from ipv4:127.0.0.1" in line["message"]] == ["warning"]
