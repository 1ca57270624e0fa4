"""The authority: made once, put there by somebody, replaced; and what it signs."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from tinyflow_operator import authority as authorities
from tinyflow_operator import certificates as ours
from tinyflow_operator.authority import LIFE, Authority, make
from tinyflow_operator.certificates import Certificates
from tinyflow_operator.kinds import CONFIGMAPS, SECRETS
from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.rpc.credentials import Credentials, put
from tinyflow_runtime.rpc.identity import GATEWAY, OPERATOR, module_identity

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests are no packages, and these share what makes certificates

from certificates import DAY
from certificates import Authority as Signer

pytestmark = pytest.mark.timeout(120)


async def test_an_authority_is_made_once_and_kept(place):
    async with (
        Certificates(place.kube, place.namespace) as one,
        Certificates(place.kube, place.namespace) as another,
    ):
        made = await place.get(SECRETS, "tinyflow-ca")
        assert one.authority.name == another.authority.name
        assert one.credentials.identity == OPERATOR
    async with Certificates(place.kube, place.namespace) as later:
        kept = await place.get(SECRETS, "tinyflow-ca")

        assert later.authority.name == one.authority.name
        assert kept["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


async def test_two_that_make_one_at_once_end_with_the_same(place):
    async with contextlib.AsyncExitStack() as stack:
        made = await asyncio.gather(
            *(stack.enter_async_context(Certificates(place.kube, place.namespace)) for _ in range(5)),
        )

        assert len({one.authority.name for one in made}) == 1


async def test_the_gateway_gets_its_certificate_and_everybody_its_authority(place, secrets, tmp_path):
    async with Certificates(place.kube, place.namespace) as certificates:
        pems = await secrets.of("tinyflow-gateway-tls")
        public = (await place.get(CONFIGMAPS, "tinyflow-gateway"))["data"]

    put(tmp_path, pems)
    assert Credentials(tmp_path).identity == GATEWAY
    assert public == {"ca.crt": certificates.authority.trusted.decode()}


@pytest.mark.parametrize(("kind", "name"), [(CONFIGMAPS, "tinyflow-gateway"), (SECRETS, "tinyflow-gateway-tls")])
async def test_what_is_somebody_elses_by_a_name_of_the_gateways_is_left_alone(place, kind, name):
    theirs = {"metadata": place.key(name), "data": {"ca.crt": "dGhlaXJz"}}
    await place.kube.apply(kind, theirs, "somebody")

    with pytest.raises(ClusterError, match=f"there is a {kind.name} '{name}' of somebody else. Delete it.$"):
        async with Certificates(place.kube, place.namespace):
            pass
    assert (await place.get(kind, name))["data"] == theirs["data"]


@pytest.mark.parametrize(
    ("pems", "why"),
    [
        (lambda: make()._replace(key=make().key), "its key is that of another certificate"),
        (lambda: Signer().issue("spiffe://x", "x"), "is not one that may sign others"),
        (lambda: make()._replace(certificate=b"none"), "it cannot be read"),
        (lambda: make()._replace(key=b""), "it cannot be read"),
        (lambda: make()._replace(key=authorities._pem_of_key(ed25519.Ed25519PrivateKey.generate())), "neither RSA nor"),
    ],
    ids=["another key", "no authority", "no certificate", "no key", "a key that gRPC does not take"],
)
async def test_an_authority_that_cannot_be_used_is_told(place, secrets, pems, why):
    await secrets.put("tinyflow-ca", pems())

    with pytest.raises(ClusterError, match=why) as refused:
        async with Certificates(place.kube, place.namespace):
            pass
    assert refused.value.code == "TF-194"


def test_an_authority_that_has_ended_is_told(monkeypatch):
    pems = make()
    real = authorities._now()
    monkeypatch.setattr(authorities, "_now", lambda: real + 4000 * DAY)

    with pytest.raises(ClusterError, match=r"TF-194 .* it is valid from"):
        Authority(*pems)


async def test_an_authority_that_becomes_unusable_is_told_and_the_last_is_used_on(
    place, secrets, caplog, monkeypatch, eventually
):
    monkeypatch.setattr(ours, "LOOK", 0.1)
    async with secrets.operating() as certificates:
        before = certificates.authority.name
        spoilt = make()._replace(key=make().key)
        await secrets.put("tinyflow-ca", spoilt)
        await eventually(lambda: "TF-194" in caplog.text)

        assert "The authority of before is used on" in caplog.text
        assert certificates.authority.name == before


async def test_an_authority_that_was_deleted_is_told_and_no_other_is_made(
    place, secrets, caplog, monkeypatch, eventually
):
    monkeypatch.setattr(ours, "LOOK", 0.1)
    async with secrets.operating() as certificates:
        before = certificates.authority.name
        await place.delete(SECRETS, "tinyflow-ca")
        await eventually(lambda: "TF-194" in caplog.text)

        assert certificates.authority.name == before
        assert await place.get(SECRETS, "tinyflow-ca") is None


def test_what_it_issues_is_for_one_and_no_authority(tmp_path):
    authority = Authority(*make())
    issued = authority.issue(module_identity("here", "m"))
    certificate = x509.load_pem_x509_certificate(issued.pems.certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    put(tmp_path, issued.pems)

    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["spiffe://tinyflow.dev/ns/here/module/m"]
    assert names.get_values_for_type(x509.DNSName) == ["m.module.here.ns.tinyflow.dev"]
    assert len(list(names)) == 2
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert Credentials(tmp_path).identity == module_identity("here", "m")
    assert f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}" == issued.not_after


def test_an_authority_of_rsa_and_one_below_another_sign_too(tmp_path):
    root, below = Signer("root"), Signer("below")
    below.key = rsa.generate_private_key(65537, 2048)
    signed = (
        x509.CertificateBuilder(root.name, below.name, below.key.public_key(), 7)
        .not_valid_before(datetime.datetime.now(datetime.UTC) - DAY)
        .not_valid_after(datetime.datetime.now(datetime.UTC) + 9 * DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier(b"others count in other ways"), critical=False)
        .sign(root.key, authorities.hashes.SHA256())
    )
    chain, key = authorities._pem(signed), authorities._pem_of_key(below.key)
    with pytest.raises(ClusterError, match=r"its ca\.crt has to say which is trusted"):
        Authority(chain, key)
    issued = Authority(chain, key, root.pem).issue(OPERATOR)
    put(tmp_path, issued.pems)

    assert Credentials(tmp_path).identity == OPERATOR
    ends = x509.load_pem_x509_certificate(issued.pems.certificate).not_valid_after_utc
    assert ends == signed.not_valid_after_utc  # nothing outlives who signed it


def test_a_certificate_is_renewed_at_two_thirds_of_its_life(monkeypatch):
    authority = Authority(*make())
    issued = authority.issue(OPERATOR)
    real = authorities._now()

    def due_after(part):
        monkeypatch.setattr(authorities, "_now", lambda: real + part * LIFE)
        return authority.is_due(issued.not_after, issued.authority)

    assert [due_after(part) for part in (0, 0.5, 0.66, 0.67, 0.9, 1.5)] == [False, False, False, True, True, True]


def test_at_the_end_of_its_authority_a_certificate_is_not_renewed_all_the_time(monkeypatch):
    authority = Authority(*make())
    real = authorities._now()
    monkeypatch.setattr(authorities, "_now", lambda: real + 3645 * DAY)
    issued = authority.issue(OPERATOR)

    assert not authority.is_due(issued.not_after, issued.authority)


@pytest.mark.parametrize("not_after", ["", "tomorrow", "2020-01-01T00:00:00Z"])
def test_what_nobody_can_read_and_what_is_over_are_due(not_after):
    authority = Authority(*make())

    assert authority.is_due(not_after, authority.name)


def test_a_certificate_of_another_authority_is_due_and_so_is_one_that_trusts_others():
    pems = make()
    authority, successor = Authority(*pems), make()
    issued = authority.issue(OPERATOR)
    both = Authority(pems.certificate, pems.key, pems.trusted + successor.certificate)

    assert not Authority(*pems).is_due(issued.not_after, issued.authority)
    assert both.is_due(issued.not_after, issued.authority)
    assert Authority(*successor).is_due(issued.not_after, issued.authority)


def test_an_authority_trusts_itself_and_who_stands_beside_it():
    old, new = make(), make()

    assert Authority(*new).trusted == new.certificate
    assert Authority(new.certificate, new.key, old.certificate).trusted == old.certificate + new.certificate
    assert (
        Authority(*old._replace(trusted=old.certificate + new.certificate)).trusted == old.certificate + new.certificate
    )
