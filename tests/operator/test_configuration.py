"""The file of --config: what it may say, what is said of what it may not, and the pod that comes of it."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml
from tinyflow_operator.configuration import DEFAULTS, checked, read
from tinyflow_operator.podtemplate import Code, template
from tinyflow_operator.quantity import amount, mebibytes
from tinyflow_runtime.errors import ClusterError

MODULE = {"metadata": {"name": "m", "namespace": "n", "uid": "u"}, "spec": {}}
SOURCE = Code("a" * 64, "tm-m-aaaaaaaaaaaa")
LOCKED = Code("a" * 64, "tm-m-aaaaaaaaaaaa", ("numpy==2.0 --hash=sha256:" + "0" * 64,))


def made(said="", code=SOURCE, *, tls=False):
    return template(MODULE, code, checked(yaml.safe_load(said) or {}, "f"), labels={"it": "m"}, tls=tls)


@pytest.mark.parametrize(
    ("said", "where", "way_out"),
    [
        ("imagePullPolcy: Always", "'imagePullPolcy'", "Did you mean 'imagePullPolicy'?"),
        ("index: {uri: http://x}", "'index.uri'", "Did you mean 'url'?"),
        ("resources: {limit: {}}", "'resources.limit'", "Did you mean 'limits'?"),
        ("image: 7", "image: Expected `str`", "operator.md"),
        ("imagePullPolicy: Sometimes", "imagePullPolicy: ", "operator.md"),
        ("imagePullSecrets: [registry]", "imagePullSecrets[0]: ", "operator.md"),
        ("imagePullSecrets: [{nam: registry}]", "'imagePullSecrets[0].nam'", "Did you mean 'name'?"),
        ("resources: {limits: {memory: much}}", "resources.limits[...]", "operator.md"),
        ("runAsUser: 0", "runAsUser: ", "operator.md"),
        ("index: {url: 'ftp://x'}", "index.url: ", "operator.md"),
        ("index: {}", "index: ", "`url`"),
        ("env: [{value: x}]", "env[0] has no name", "name, value"),
        ("env: [{name: PYTHONPATH, value: x}]", "env[0] is PYTHONPATH", "Take it out"),
        ("[]", "f.yaml: Expected `object`", "operator.md"),
        ("a: [", "line 1 is no YAML", "Mend that line."),
    ],
)
def test_what_it_may_not_say_is_named_with_a_way_out(tmp_path, said, where, way_out):
    (tmp_path / "f.yaml").write_text(said)

    with pytest.raises(ClusterError, match="TF-188") as caught:
        read(tmp_path / "f.yaml")

    assert where in str(caught.value)
    assert way_out in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ClusterError, match=r"TF-188 .*nothing\.yaml cannot be read"):
        read(tmp_path / "nothing.yaml")


def test_the_operator_says_so_without_a_traceback(tmp_path):
    (tmp_path / "f.yaml").write_text("imag: x")
    command = [sys.executable, "-m", "tinyflow_operator", "--config", str(tmp_path / "f.yaml")]

    done = subprocess.run(command, capture_output=True, text=True)

    assert done.returncode == 1
    assert done.stderr.startswith("TF-188 ")
    assert "Traceback" not in done.stderr


def test_an_empty_file_is_the_defaults(tmp_path):
    (tmp_path / "f.yaml").write_text("# nothing yet\n")

    assert read(tmp_path / "f.yaml") == DEFAULTS


def test_a_pod_has_no_rights():
    pod = made(code=LOCKED)["spec"]

    assert pod["automountServiceAccountToken"] is pod["enableServiceLinks"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["runAsGroup"] == 65532
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in (*pod["initContainers"], *pod["containers"]):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]
        assert container["resources"]["requests"] == {"cpu": "50m", "memory": "128Mi"}


def test_probes_ask_by_tcp_which_every_kubernetes_knows():
    container = made()["spec"]["containers"][0]

    probes = [container[name] for name in ("startupProbe", "readinessProbe", "livenessProbe")]
    assert [probe["tcpSocket"] for probe in probes] == [{"port": "grpc"}] * 3
    assert probes[0]["periodSeconds"] * probes[0]["failureThreshold"] > 120, "a module gives itself two minutes to load"


def test_another_source_is_another_template_and_the_same_one_is_not():
    assert made() == made()
    assert made() != made(code=Code("b" * 64, "tm-m-bbbbbbbbbbbb"))


@pytest.mark.parametrize(("limit", "told"), [("512Mi", "460"), ("1G", "857"), (536870912, "460")])
def test_a_module_is_told_of_its_limit_a_little_below_it(limit, told):
    command = made(f"resources: {{limits: {{memory: {limit}}}}}")["spec"]["containers"][0]["command"]

    assert command[command.index("--memory") + 1] == told


def test_an_index_is_told_to_the_container_that_installs_and_to_no_other():
    pod = made("index: {url: 'https://index/simple', caSecret: ca}", code=LOCKED)["spec"]

    install, module = pod["initContainers"][0], pod["containers"][0]
    env = {one["name"]: one["value"] for one in install["env"]}
    assert (env["PIP_INDEX_URL"], env["PIP_CERT"]) == ("https://index/simple", "/tinyflow/index/ca.crt")
    assert {"name": "index", "mountPath": "/tinyflow/index", "readOnly": True} in install["volumeMounts"]
    assert {one["name"] for one in module["env"]} == {"TINYFLOW_MODULE", "PYTHONPATH"}
    assert {mount["name"] for mount in module["volumeMounts"]} == {"state", "tmp", "source", "dependencies"}


def test_the_key_of_a_module_is_not_mounted_where_requirements_are_installed():
    pod = made(code=LOCKED, tls=True)["spec"]

    names = [{mount["name"] for mount in pod[part][0]["volumeMounts"]} for part in ("initContainers", "containers")]
    assert names == [{"source", "dependencies", "tmp"}, {"source", "dependencies", "tmp", "state", "tls"}]


def test_labels_by_which_a_pod_is_found_are_not_the_configurations_to_change():
    labels = made("podLabels: {it: other, team: one}")["metadata"]["labels"]

    assert (labels["it"], labels["team"]) == ("m", "one")


def test_a_cluster_that_chooses_users_itself_is_left_to():
    context = made("runAsUser: null")["spec"]["securityContext"]

    assert ("runAsUser" in context, context["runAsNonRoot"]) == (False, True)


@pytest.mark.parametrize(
    ("said", "much"),
    [
        ("1", 1),
        (2, 2),
        ("500m", 0.5),
        ("1Ki", 1024),
        ("1.5Gi", 1.5 * 1024**3),
        ("1k", 1000),
        ("much", None),
        ("", None),
    ],
)
def test_a_quantity_is_a_number(said, much):
    assert amount(said) == much


def test_memory_is_counted_in_mebibytes():
    assert [mebibytes(one) for one in ("512Mi", "1Gi", "1M", 1 << 20)] == [512, 1024, 0, 1]
