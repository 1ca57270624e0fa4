"""Helm: the command or the library, whose refusals are said in our words."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest
from tinyflow_runtime.errors import ClusterError

from tinyflow_jupyter._cluster import helm

pytestmark = pytest.mark.timeout(180)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"operator": {"replica": 1}}, r"TF-196 There is no value 'operator\.replica' .*\n  Did you mean 'replicas'\?"),
        ({"colour": "red"}, r"TF-196 There is no value 'colour' .*\n  There are: image, "),
        (
            {"image": {"tag": "latest"}},
            r"TF-196 The value 'image\.tag' .*cannot be that: it is the one that is refused\.\n"
            r"  The README .* tells what it may be: the chart's appVersion unless given; `latest` is refused\.",
        ),
        ({"operator": {"replicas": "two"}}, r"TF-196 The value 'operator\.replicas' .*got string, want integer"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(cluster, deployment, values, said):
    with pytest.raises(ClusterError, match=said):
        helm.upgrade("it", "tinyflow-operator", values, namespace="default", context="")

    assert deployment(cluster, "default") is None


def test_without_any_helm_nothing_is_begun(cluster, namespace, monkeypatch):
    monkeypatch.setattr(helm, "PACKAGE", "no_such_package")
    monkeypatch.setenv("PATH", "")

    with pytest.raises(ClusterError, match=r"(?s)TF-195 .*pip install 'tinyflow-jupyter\[helm\]'"):
        cluster.install(namespace=namespace)

    assert cluster._api.request("GET", f"/api/v1/namespaces/{namespace}") is None


@pytest.mark.parametrize(("version", "forced"), [("v3.18.4+gd80839c", False), ("v4.1.0+g4553a0a", True)])
def test_the_command_helm_is_taken_where_there_is_one(version, forced, monkeypatch, tmp_path):
    script = tmp_path / "helm"
    script.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/said\n[ "$1" = version ] && echo {version} || cat > {tmp_path}/in\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    helm.upgrade("it", "tinyflow-operator", {"operator": {"replicas": 1}}, namespace="flows", context="here")
    helm.uninstall("it", namespace="flows", context="")

    _, upgrade, uninstall = (tmp_path / "said").read_text().splitlines()
    chart = helm.charts() / "tinyflow-operator"
    wanted = (
        f"upgrade it {chart} --install --namespace flows --values -{' --force-conflicts' * forced} --kube-context here"
    )
    assert upgrade == wanted
    assert uninstall == "uninstall it --ignore-not-found --namespace flows"


def test_a_helm_that_hangs_is_ended(monkeypatch, tmp_path):
    script = tmp_path / "helm"
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(helm, "SHORT", 0.2)
    monkeypatch.setattr(helm, "NEVER", 0.2)

    with pytest.raises(ClusterError, match="TF-196 Helm did not tell its version"):
        helm.upgrade("it", "tinyflow-operator", {}, namespace="flows", context="")
    with pytest.raises(ClusterError, match="TF-196 Helm did not end"):
        helm.uninstall("it", namespace="flows", context="")


def test_helm_itself_installs_upgrades_rolls_back_and_uninstalls(cluster, namespace, everything):
    said = _helm(
        f"""
        with helm_python.Config(namespace="{namespace}") as it:
            it.install("{helm.charts()}/tinyflow-operator", "it", {{}}, create_namespace=True)
            it.upgrade("{helm.charts()}/tinyflow-operator", "it", {{"operator": {{"replicas": 3}}}})
            it.rollback("it")
            print([(each["revision"], each["status"]) for each in it.history("it")])
            it.uninstall("it")
        """
    )

    assert said == "[(1, 'superseded'), (2, 'superseded'), (3, 'deployed')]"
    left = {each for each in everything(cluster) if namespace in each}
    assert {kind for kind, *_ in left} <= {"Namespace", "ServiceAccount"}


def _helm(program):
    """Run in a process of its own: the library keeps its connections."""
    lines = [line.removeprefix(" " * 8) for line in program.splitlines()]
    done = subprocess.run(
        [sys.executable, "-c", "import helm_python\n" + "\n".join(lines)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
