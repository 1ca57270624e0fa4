"""kubectl is at home on the pocket's API, as a person uses it."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
from tinyflow_operator.crds import definitions
from tinyflow_operator.pocket.api import serve
from tinyflow_operator.pocket.store import Store

TOKEN = "secret"
FILE = """
apiVersion: tinyflow.dev/v1alpha1
kind: TinyNode
metadata: {name: sums.double, labels: {tinyflow.dev/flow: sums}}
spec: {module: notebook, component: double, edges: [{id: out-b, port: out, to: "b:in"}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: texts}
data: {a: "1"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: it}
spec:
  selector: {matchLabels: {app: it}}
  template:
    metadata: {labels: {app: it}}
    spec: {containers: [{name: module, image: x, env: [{name: A, value: "1"}]}]}
"""

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def kubectl(need, tmp_path):
    """``await kubectl("get", "tinynodes")``: what it prints, both ways."""
    program = Path(os.environ.get("KUBEBUILDER_ASSETS", "")) / "kubectl"
    need("KUBEBUILDER_ASSETS" in os.environ and program.exists(), "kubectl in KUBEBUILDER_ASSETS")
    async with serve(Store(definitions()), token=TOKEN, logs=tmp_path / "logs") as url:
        # kubectl sends no token without TLS; the server's path has it.
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it", "namespace": "default"}}],
            "clusters": [{"name": "it", "cluster": {"server": f"{url}/{TOKEN}"}}],
            "users": [{"name": "it", "user": {}}],
        }
        (tmp_path / "kubeconfig").write_text(json.dumps(config))

        async def start(*arguments):
            return await asyncio.create_subprocess_exec(
                program,
                *arguments,
                env={"PATH": "/bin:/usr/bin", "HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / "kubeconfig")},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )

        async def kubectl(*arguments, said=""):
            process = await start(*arguments)
            printed, _ = await process.communicate(said.encode())
            return printed.decode()

        kubectl.start = start
        yield kubectl


async def test_a_file_is_applied_and_applied_again(kubectl):
    made = await kubectl("apply", "-f", "-", said=FILE)
    same = await kubectl("apply", "-f", "-", said=FILE)
    other = await kubectl("apply", "-f", "-", said=FILE.replace("component: double", "component: half"))
    ours = await kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", said=FILE)

    assert [line.split()[-1] for line in made.splitlines()] == ["created"] * 3
    assert [line.split()[-1] for line in same.splitlines()] == ["unchanged"] * 3
    assert [line.split()[-1] for line in other.splitlines()] == ["configured", "unchanged", "unchanged"]
    assert [line.split()[-1] for line in ours.splitlines()] == ["serverside-applied"] * 3


async def test_nodes_read_well(kubectl):
    await kubectl("apply", "-f", "-", said=FILE)

    head, row = (await kubectl("get", "tinynodes")).splitlines()
    described = await kubectl("describe", "tinynode", "sums.double")
    category = await kubectl("get", "tiny")

    assert head.split()[:4] == ["NAME", "FLOW", "MODULE", "COMPONENT"]
    assert row.split()[:4] == ["sums.double", "sums", "notebook", "double"]
    assert "Component:  double" in described
    assert "Events:" in described
    assert "tinynode.tinyflow.dev/sums.double" in category


async def test_a_flow_is_got_by_its_kind_and_its_name(kubectl):
    flow = "apiVersion: tinyflow.dev/v1alpha1\nkind: TinyFlow\nmetadata: {name: sums}\nspec: {}"
    await kubectl("apply", "-f", "-", said=flow)

    shown = await kubectl("get", "tinyflow", "sums")

    assert shown.splitlines()[1].split()[0] == "sums"


async def test_a_watch_shows_what_happens(kubectl):
    await kubectl("apply", "-f", "-", said=FILE)
    watching = await kubectl.start("get", "tinynodes", "--watch", "--no-headers")
    before = await watching.stdout.readline()

    await kubectl("apply", "-f", "-", said=FILE.replace("component: double", "component: half"))
    after = await watching.stdout.readline()

    watching.terminate()
    await watching.wait()
    assert (b"double  " in before, b"half  " in after) == (True, True)


async def test_what_is_deleted_is_gone(kubectl):
    await kubectl("apply", "-f", "-", said=FILE)

    deleted = await kubectl("delete", "-f", "-", said=FILE)

    assert deleted.count("deleted") == 3
    assert "No resources found" in await kubectl("get", "tinynodes,configmaps,deployments")


async def test_what_there_is_can_be_asked(kubectl):
    kinds = await kubectl("api-resources")
    fields = await kubectl("explain", "tinynode.spec")
    version = await kubectl("version")

    assert "TinyNode" in kinds
    assert "component\t<string> -required-" in fields
    assert "Server Version: v1." in version


async def test_a_mistake_is_named(kubectl):
    refused = await kubectl("apply", "-f", "-", said=FILE.replace("component:", "components:"))

    assert 'unknown field "spec.components"' in refused


async def test_a_deployment_is_scaled_patched_and_labelled(kubectl):
    await kubectl("apply", "-f", "-", said=FILE)

    await kubectl("scale", "deployment", "it", "--replicas=3")
    await kubectl("set", "env", "deployment/it", "B=2")
    await kubectl("label", "deployment", "it", "x=y")

    shown = json.loads(await kubectl("get", "deployment", "it", "-o", "json"))
    env = shown["spec"]["template"]["spec"]["containers"][0]["env"]
    assert (shown["spec"]["replicas"], shown["metadata"]["labels"]) == (3, {"x": "y"})
    assert {entry["name"]: entry["value"] for entry in env} == {"A": "1", "B": "2"}


async def test_the_log_of_a_pod_is_read_and_another_file_is_not(kubectl, tmp_path):
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: module, image: x}]}"
    await kubectl("apply", "-f", "-", said=pod)
    (tmp_path / "logs" / "default").mkdir(parents=True)
    (tmp_path / "logs" / "default" / "p.log").write_text("one\ntwo\n")
    (tmp_path / "logs" / "other.log").write_text("secret")

    whole = await kubectl("logs", "p")
    last = await kubectl("logs", "p", "--tail=1")
    outside = await kubectl("get", "--raw", "/api/v1/namespaces/default/pods/..%2Fother/log")

    assert (whole, last) == ("one\ntwo\n", "two\n")
    assert "secret" not in outside
