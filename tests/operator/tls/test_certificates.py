"""Certificates of modules: Secrets that are written and never read, and said in the module's status."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from cryptography import x509
from tinyflow_operator import authority as authorities
from tinyflow_operator import certificates as ours
from tinyflow_operator.access import Access
from tinyflow_operator.authority import LIFE
from tinyflow_operator.kinds import DEPLOYMENTS, MODULES, SECRETS, Kind
from tinyflow_operator.kube import Kube
from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.rpc.credentials import Credentials, put
from tinyflow_runtime.rpc.identity import module_identity

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests are no packages, and these share what makes certificates

from certificates import Authority as Signer

pytestmark = pytest.mark.timeout(120)


async def test_a_module_has_a_secret_that_is_its_own_and_its_status_says_until_when(place, secrets, tmp_path):
    async with secrets.operating() as certificates:
        module = await place.apply(MODULES, "m", {"image": "x"})
        said = await secrets.certified()
        found = await place.get(SECRETS, "tm-m-tls")
        deployment = await place.until(DEPLOYMENTS, "tm-m", bool)

        pems = await secrets.of()
        put(tmp_path, pems)
        assert found["type"] == "kubernetes.io/tls"
        assert [(one["kind"], one["uid"]) for one in found["metadata"]["ownerReferences"]] == [
            ("TinyModule", module["metadata"]["uid"])
        ]
        assert Credentials(tmp_path).identity == module_identity(place.namespace, "m")
        ends = x509.load_pem_x509_certificate(pems.certificate).not_valid_after_utc
        assert said == {"notAfter": f"{ends:%Y-%m-%dT%H:%M:%SZ}", "authority": certificates.authority.name}

        pod = deployment["spec"]["template"]["spec"]
        container = pod["containers"][0]
        assert container["args"][-2:] == ["--tls", "/tinyflow/tls"]
        assert _named(pod["volumes"], "tls")["secret"]["secretName"] == "tm-m-tls"
        assert _named(container["volumeMounts"], "tls")["mountPath"] == "/tinyflow/tls"


def _named(parts, name):
    return next(part for part in parts if part["name"] == name)


async def test_a_certificate_that_is_good_is_not_written_again_not_even_by_another_operator(place, secrets, eventually):
    await place.apply(MODULES, "m", {"image": "x"})
    async with secrets.operating() as certificates:
        await secrets.certified()
        before = (await place.get(SECRETS, "tm-m-tls"))["metadata"]["resourceVersion"]
        await eventually(lambda: certificates.looks > 3)
    async with secrets.operating() as certificates:
        await eventually(lambda: certificates.looks > 3)

    assert (await place.get(SECRETS, "tm-m-tls"))["metadata"]["resourceVersion"] == before


async def test_a_module_that_somebody_else_runs_has_a_certificate_too(place, secrets):
    await place.apply(MODULES, "m", {})
    async with secrets.operating():
        await secrets.certified()

        assert await place.get(SECRETS, "tm-m-tls")


async def test_without_certificates_a_status_says_none_and_no_secret_is_written(place):
    await place.apply(MODULES, "m", {"image": "x"})
    async with place.operating():
        deployment = await place.until(DEPLOYMENTS, "tm-m", bool)

        assert "--tls" not in deployment["spec"]["template"]["spec"]["containers"][0]["args"]
        assert await place.get(SECRETS, "tm-m-tls") is None


async def test_a_module_whose_source_cannot_be_used_has_its_certificate_renewed(place, secrets, monkeypatch):
    await place.apply(MODULES, "m", {"image": "x"})
    async with secrets.operating():
        first = await secrets.certified()
        before = await secrets.of()
        missing = {"sha256": "0" * 64, "configMapRef": {"name": "nowhere"}}
        await place.apply(MODULES, "m", {"source": missing})
        await place.condition(MODULES, "m", "SourceVerified", generation=2, reason="SourceMissing")
        assert await secrets.certified() == first
        real = authorities._now()
        monkeypatch.setattr(authorities, "_now", lambda: real + 0.7 * LIFE)

        renewed = await secrets.certified(lambda said: said not in ({}, first))
        assert renewed["notAfter"] > first["notAfter"]
        assert await secrets.of() != before


async def test_a_secret_of_somebody_else_is_left_alone(place, secrets):
    theirs = Signer().issue("spiffe://theirs", "theirs")
    await secrets.put("tm-m-tls", theirs, "somebody")
    await place.apply(MODULES, "m", {"image": "x"})
    async with secrets.operating():
        said = await place.condition(MODULES, "m", reason="NameTaken")

    assert "there is a Secret 'tm-m-tls' of somebody else" in said["message"]
    assert await secrets.of() == theirs


async def test_a_secret_that_was_deleted_is_written_again_once_its_module_misses_it(place, secrets, monkeypatch):
    monkeypatch.setattr(ours, "HEAL", 1.0)
    await place.apply(MODULES, "m", {"image": "x"})
    async with secrets.operating():
        await secrets.certified()
        await place.delete(SECRETS, "tm-m-tls")
        async with asyncio.timeout(20):
            while await place.get(SECRETS, "tm-m-tls") is None:  # noqa: ASYNC110 # a watch would say no more
                await asyncio.sleep(0.1)


async def test_the_operator_reads_no_secret_but_its_authority(place, secrets, eventually):
    seen = set()

    class Recording(Kube):
        def _request(self, method, path, *more, **options):
            if "/secrets" in path:
                seen.add((method, path.partition("/secrets")[2]))
            return super()._request(method, path, *more, **options)

    await place.apply(MODULES, "m", {"image": "x"})
    async with Recording(place.kube._access._configuration) as kube, secrets.operating(kube) as certificates:
        await secrets.certified()
        await eventually(lambda: certificates.looks > 3)

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
async def test_these_rights_are_enough_and_let_no_secret_be_read(place, secrets):
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
        async with secrets.operating(kube):
            await secrets.certified()
        for name in ("tm-m-tls", "tinyflow-gateway-tls"):
            with pytest.raises(ClusterError, match=r"\(403\)"):
                await kube.get(SECRETS, place.namespace, name)
        with pytest.raises(ClusterError, match=r"\(403\)"):
            await kube.list(SECRETS, place.namespace)
