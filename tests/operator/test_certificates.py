"""Certificates in a cluster: an authority that is made once, Secrets that are written and never read, and renewal."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from tinyflow_operator import authority as authorities
from tinyflow_operator import certificates as ours
from tinyflow_operator.access import Access
from tinyflow_operator.authority import LIFE, Authority, make
from tinyflow_operator.certificates import Certificates
from tinyflow_operator.conditions import condition_of
from tinyflow_operator.kinds import CONFIGMAPS, MODULES, SECRETS, Kind
from tinyflow_operator.kube import Kube
from tinyflow_operator.loop import Operator
from tinyflow_runtime.credentials import Credentials, Pems, put
from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.identity import GATEWAY, OPERATOR, module_identity
from tinyflow_runtime.wire import Remote

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests are no packages, and these share what makes certificates

from certificates import DAY
from certificates import Authority as Signer

pytestmark = pytest.mark.timeout(120)

FILES = ("tls.crt", "tls.key", "ca.crt")
CELL = """
from tinyflow_runtime.module import Module

module = Module("m")

@module.component
def double(x: int) -> int:
    return 2 * x
"""


def pems_of(secret):
    return Pems(*(base64.b64decode(secret["data"][name]) for name in FILES))


def ends_of(pems):
    return x509.load_pem_x509_certificate(pems.certificate).not_valid_after_utc


def secret(place, name, pems):
    data = {name: base64.b64encode(pem).decode() for name, pem in zip(FILES, pems, strict=True)}
    return {"metadata": place.key(name), "type": "kubernetes.io/tls", "data": data}


def certified(document):
    return ((document or {}).get("status") or {}).get("certificate")


@contextlib.asynccontextmanager
async def operating(place, kube=None):
    kube = kube or place.kube
    certificates = Certificates(kube, place.namespace)
    operator = Operator(kube, place.namespace, certificates=certificates)
    task = asyncio.create_task(operator.run())
    try:
        async with asyncio.timeout(10):
            while certificates.credentials is None:  # noqa: ASYNC110 # the operator begins with it
                await asyncio.sleep(0.01)
        yield certificates
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# The authority


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


async def test_the_gateway_gets_its_certificate_and_everybody_its_authority(place, tmp_path):
    async with Certificates(place.kube, place.namespace) as certificates:
        pems = pems_of(await place.get(SECRETS, "tinyflow-gateway-tls"))
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
async def test_an_authority_that_cannot_be_used_is_told(place, pems, why):
    await place.kube.apply(SECRETS, secret(place, "tinyflow-ca", pems()), "test")

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
    place, caplog, monkeypatch, eventually
):
    monkeypatch.setattr(ours, "LOOK", 0.1)
    async with operating(place) as certificates:
        before = certificates.authority.name
        spoilt = make()._replace(key=make().key)
        await place.kube.apply(SECRETS, secret(place, "tinyflow-ca", spoilt), "test")
        await eventually(lambda: "TF-194" in caplog.text)

        assert "The authority of before is used on" in caplog.text
        assert certificates.authority.name == before


async def test_an_authority_that_was_deleted_is_told_and_no_other_is_made(place, caplog, monkeypatch, eventually):
    monkeypatch.setattr(ours, "LOOK", 0.1)
    async with operating(place) as certificates:
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
    assert ends_of(issued.pems) == signed.not_valid_after_utc  # nothing outlives who signed it


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


# Modules


async def test_a_module_has_a_secret_that_is_its_own_and_its_status_says_until_when(place, tmp_path):
    async with operating(place) as certificates:
        module = await place.apply(MODULES, "m", {"image": "x"})
        said = certified(await place.until(MODULES, "m", certified))
        found = await place.get(SECRETS, "tm-m-tls")
        deployment = await place.until(_DEPLOYMENTS, "tm-m", bool)

        pems = pems_of(found)
        put(tmp_path, pems)
        assert found["type"] == "kubernetes.io/tls"
        assert [(one["kind"], one["uid"]) for one in found["metadata"]["ownerReferences"]] == [
            ("TinyModule", module["metadata"]["uid"])
        ]
        assert Credentials(tmp_path).identity == module_identity(place.namespace, "m")
        assert said == {"notAfter": f"{ends_of(pems):%Y-%m-%dT%H:%M:%SZ}", "authority": certificates.authority.name}

        pod = deployment["spec"]["template"]["spec"]
        container = pod["containers"][0]
        assert container["args"][-2:] == ["--tls", "/tinyflow/tls"]
        assert _named(pod["volumes"], "tls")["secret"]["secretName"] == "tm-m-tls"
        assert _named(container["volumeMounts"], "tls")["mountPath"] == "/tinyflow/tls"


def _named(parts, name):
    return next(part for part in parts if part["name"] == name)


_DEPLOYMENTS = Kind("Deployment", "deployments", "apps", "v1")


async def test_a_certificate_that_is_good_is_not_written_again_not_even_by_another_operator(place):
    await place.apply(MODULES, "m", {"image": "x"})
    async with operating(place):
        await place.until(MODULES, "m", certified)
        before = (await place.get(SECRETS, "tm-m-tls"))["metadata"]["resourceVersion"]
        await asyncio.sleep(1.5)  # three looks
    async with operating(place):
        await asyncio.sleep(1.5)

        assert (await place.get(SECRETS, "tm-m-tls"))["metadata"]["resourceVersion"] == before


async def test_a_module_that_somebody_else_runs_has_a_certificate_too(place):
    await place.apply(MODULES, "m", {})
    async with operating(place):
        await place.until(MODULES, "m", certified)

        assert await place.get(SECRETS, "tm-m-tls")


async def test_without_certificates_a_status_says_none_and_no_secret_is_written(place):
    await place.apply(MODULES, "m", {"image": "x"})
    async with place.operating():
        deployment = await place.until(_DEPLOYMENTS, "tm-m", bool)

        assert "--tls" not in deployment["spec"]["template"]["spec"]["containers"][0]["args"]
        assert await place.get(SECRETS, "tm-m-tls") is None


async def test_a_module_whose_source_cannot_be_used_has_its_certificate_renewed(place, monkeypatch):
    await place.apply(MODULES, "m", {"image": "x"})
    async with operating(place):
        first = certified(await place.until(MODULES, "m", certified))
        before = await place.get(SECRETS, "tm-m-tls")
        missing = {"sha256": "0" * 64, "configMapRef": {"name": "nowhere"}}
        await place.apply(MODULES, "m", {"source": missing})
        await place.condition(MODULES, "m", "SourceVerified", generation=2, reason="SourceMissing")
        assert certified(await place.get(MODULES, "m")) == first
        real = authorities._now()
        monkeypatch.setattr(authorities, "_now", lambda: real + 0.7 * LIFE)

        renewed = certified(await place.until(MODULES, "m", lambda it: certified(it) not in (None, first)))
        assert renewed["notAfter"] > first["notAfter"]
        assert pems_of(await place.get(SECRETS, "tm-m-tls")) != pems_of(before)


async def test_a_secret_of_somebody_else_is_left_alone(place):
    theirs = Signer().issue("spiffe://theirs", "theirs")
    await place.kube.apply(SECRETS, secret(place, "tm-m-tls", theirs), "somebody")
    await place.apply(MODULES, "m", {"image": "x"})
    async with operating(place):
        said = await place.condition(MODULES, "m", reason="NameTaken")

    assert "there is a Secret 'tm-m-tls' of somebody else" in said["message"]
    assert pems_of(await place.get(SECRETS, "tm-m-tls")) == theirs


async def test_a_secret_that_was_deleted_is_written_again_once_its_module_misses_it(place, monkeypatch, eventually):
    monkeypatch.setattr(ours, "HEAL", 1.0)
    await place.apply(MODULES, "m", {"image": "x"})
    async with operating(place):
        await place.until(MODULES, "m", certified)
        await place.delete(SECRETS, "tm-m-tls")
        async with asyncio.timeout(20):
            while await place.get(SECRETS, "tm-m-tls") is None:  # noqa: ASYNC110 # a watch would say no more
                await asyncio.sleep(0.1)


# What may be read


async def test_the_operator_reads_no_secret_but_its_authority(place):
    seen = set()

    class Recording(Kube):
        def _request(self, method, path, *more, **options):
            if "/secrets" in path:
                seen.add((method, path.partition("/secrets")[2]))
            return super()._request(method, path, *more, **options)

    await place.apply(MODULES, "m", {"image": "x"})
    async with Recording(place.kube._access._configuration) as kube, operating(place, kube):
        await place.until(MODULES, "m", certified)
        await asyncio.sleep(1)

    reads = {call for call in seen if call[0] not in ("PATCH", "POST")}
    assert reads == {("GET", "/tinyflow-ca")}
    assert ("PATCH", "/tm-m-tls") in seen


RIGHTS = [
    ("", ["secrets"], ["create", "patch"], None),
    ("", ["secrets"], ["get"], ["tinyflow-ca"]),
    ("", ["configmaps", "services"], ["get", "list", "watch", "create", "patch", "delete"], None),
    ("", ["pods"], ["list", "watch"], None),
    ("", ["events"], ["create", "patch"], None),
    ("apps", ["deployments"], ["get", "list", "watch", "create", "patch"], None),
    ("tinyflow.dev", ["*"], ["get", "list", "watch", "patch", "delete", "update"], None),
]


@pytest.mark.parametrize("place", ["kubernetes"], indirect=True)
async def test_these_rights_are_enough_and_let_no_secret_be_read(place):
    role = Kind("Role", "roles", "rbac.authorization.k8s.io", "v1")
    binding = Kind("RoleBinding", "rolebindings", "rbac.authorization.k8s.io", "v1")
    rules = [
        {"apiGroups": [group], "resources": kinds, "verbs": verbs, **({"resourceNames": names} if names else {})}
        for group, kinds, verbs, names in RIGHTS
    ]
    subject = {"kind": "User", "name": "the-operator", "apiGroup": "rbac.authorization.k8s.io"}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "tinyflow"}
    await place.kube.apply(role, {"metadata": place.key("tinyflow"), "rules": rules}, "test")
    await place.kube.apply(
        binding, {"metadata": place.key("tinyflow"), "subjects": [subject], "roleRef": reference}, "test"
    )

    class Impersonating(Access):
        @property
        def login(self):
            return {**super().login, "Impersonate-User": "the-operator"}

    await place.apply(MODULES, "m", {"image": "x"})
    access = Impersonating(place.kube._access._configuration)
    async with Kube(place.kube._access._configuration) as kube:
        kube._access = access
        async with operating(place, kube):
            await place.until(MODULES, "m", certified)
        for name in ("tm-m-tls", "tinyflow-gateway-tls"):
            with pytest.raises(ClusterError, match=r"\(403\)"):
                await kube.get(SECRETS, place.namespace, name)
        with pytest.raises(ClusterError, match=r"\(403\)"):
            await kube.list(SECRETS, place.namespace)


# With a module process


@contextlib.asynccontextmanager
async def mounted(place, folder):
    """A module process whose files a kubelet of the test brings: those of its Secret, soon after it changed."""
    folder.mkdir()
    (folder / "m.py").write_text(CELL)

    async def bring():
        last = None
        while True:
            found = await place.get(SECRETS, "tm-m-tls")
            if found and (pems := pems_of(found)) != last:
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


async def test_the_operator_speaks_to_a_module_by_certificates_and_through_their_renewal(place, tmp_path, monkeypatch):
    monkeypatch.setattr(authorities, "LIFE", datetime.timedelta(seconds=9))
    monkeypatch.setattr(authorities, "LITTLE", datetime.timedelta(0))
    monkeypatch.setattr(ours, "LOOK", 0.5)
    await place.apply(MODULES, "m", {})
    async with operating(place), mounted(place, tmp_path / "it"):
        await place.condition(MODULES, "m", status="True")
        instance = await _instance(place)
        first = certified(await place.get(MODULES, "m"))
        renewed = certified(await place.until(MODULES, "m", lambda it: certified(it) != first))
        assert renewed["notAfter"] > first["notAfter"]
        again = certified(await place.until(MODULES, "m", lambda it: certified(it) != renewed))
        assert again["authority"] == first["authority"]
        await asyncio.sleep(1)

        found = await place.get(MODULES, "m")
        assert condition_of(found, "Ready")["status"] == "True", found
        assert condition_of(found, "Ready")["lastTransitionTime"] < renewed["notAfter"]
        assert await _instance(place) == instance  # nothing was started anew


async def _instance(place):
    async with Certificates(place.kube, place.namespace) as certificates:
        address = (await place.get(MODULES, "m"))["status"]["address"]
        remote = Remote(address, credentials=certificates.credentials, wanted=module_identity(place.namespace, "m"))
        try:
            return (await remote.describe()).instance
        finally:
            await remote.close()


async def test_another_authority_takes_the_place_of_one_while_modules_serve(place, tmp_path, monkeypatch):
    monkeypatch.setattr(ours, "LOOK", 0.2)
    old, new = make(), make()  # of one name, as ours are
    await place.kube.apply(SECRETS, secret(place, "tinyflow-ca", old), "test")
    await place.apply(MODULES, "m", {})
    ready = []

    async def watch():
        while True:
            ready.append(condition_of(await place.get(MODULES, "m"), "Ready").get("status"))
            await asyncio.sleep(0.05)

    async with operating(place) as certificates, mounted(place, tmp_path / "it"):
        await place.condition(MODULES, "m", status="True")
        task = asyncio.create_task(watch())
        for pems in (
            old._replace(trusted=old.certificate + new.certificate),
            new._replace(trusted=old.certificate + new.certificate),
            new,
        ):
            await place.kube.apply(SECRETS, secret(place, "tinyflow-ca", pems), "test")
            wanted = Authority(*pems).name
            await place.until(MODULES, "m", lambda it, wanted=wanted: certified(it)["authority"] == wanted)
            await asyncio.sleep(2.5)  # the kubelet's time, and the module's
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert set(ready) == {"True"}
        assert certificates.authority.trusted == new.certificate
        assert pems_of(await place.get(SECRETS, "tm-m-tls")).trusted == new.certificate
