"""The commands of the guides are those that there are: run on a cluster, or held to a chart."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import textwrap
import tomllib
import uuid
from pathlib import Path

import jsonschema
import nbformat
import pytest
import yaml
from nbclient import NotebookClient
from tinyflow_runtime import __main__ as command_line
from tinyflow_runtime import __version__
from tinyflow_runtime.__main__ import GROUP, OWN

ROOT = Path(__file__).parents[2]
PAGES = [
    *sorted((ROOT / "docs/how-to").glob("*.md")),
    ROOT / "docs/explanation/security.md",
    ROOT / "docs/reference/resources.md",
    ROOT / "docs/reference/doctor.md",
    ROOT / "docs/reference/installing.md",
]
ELSEWHERE = ("kind", "k3d", "minikube", "docker", "pip", "helm")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
COMMANDS = OWN | PROJECT["entry-points"][GROUP]
FLOW = "apiVersion: tinyflow.dev/v1alpha1\nkind: TinyFlow\nmetadata: {name: numbers}\nspec: {}\n"
DIGEST = "sha256:" + "0" * 64


def blocks(page, language):
    """What stands between fences of a language; as one for a shell, also what is indented by four."""
    fenced = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    text = page.read_text()
    found = [block for name, block in fenced.findall(text) if name == language]
    if language == "sh":
        indented = re.findall(r"(?<=\n\n)(?: {4}.*\n)+", fenced.sub("", text))
        found += [textwrap.dedent(block) for block in indented]
    return found


def commands():
    for page in PAGES:
        for block in blocks(page, "sh"):
            for line in block.splitlines():
                said = line.partition("  #")[0].strip()
                if said:
                    yield pytest.param(said, id=f"{page.stem}: {said}")


def of(*programs):
    return [each for each in commands() if each.values[0].split()[0] in programs]


def test_every_command_is_one_that_is_looked_at():
    known = ("kubectl", "tinyflow", *ELSEWHERE)
    written = [line for page in PAGES for line in re.findall(rf"^ *(?:{'|'.join(known)}) .*", page.read_text(), re.M)]

    assert len(list(commands())) == len(written) > 0
    assert [each.values[0] for each in commands() if each.values[0].split()[0] not in known] == []


class Parsed(Exception):
    """The options were understood."""


@pytest.mark.parametrize("said", of("tinyflow"))
def test_a_command_of_ours_has_those_options(said, monkeypatch, tmp_path):
    _, name, *arguments = shlex.split(said)
    if arguments and f"{name}.{arguments[0]}" in COMMANDS:
        name = f"{name}.{arguments.pop(0)}"
    module, _, function = COMMANDS[name].partition(":")
    parse = argparse.ArgumentParser.parse_args

    def parsed(parser, given=None, namespace=None):
        parse(parser, given, namespace)
        raise Parsed(parser.prog)

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parsed)

    with pytest.raises(Parsed):
        getattr(__import__(module, fromlist=[function]), function)(arguments)


@pytest.fixture(scope="module")
def run(kubeconfig, need, tmp_path_factory):
    """kubectl, on a cluster with our definitions and a flow."""
    kubectl = shutil.which("kubectl") or str(Path(os.environ.get("KUBEBUILDER_ASSETS", ""), "kubectl"))
    need(Path(kubectl).exists(), "kubectl, on the path or in KUBEBUILDER_ASSETS")
    home = tmp_path_factory.mktemp("home")  # kubectl keeps what it knows of a server there
    around = {**os.environ, "HOME": str(home)}

    def run(said, text=None):
        words = [kubectl, *shlex.split(said)]
        return subprocess.run(words, input=text, capture_output=True, text=True, timeout=60, env=around)

    assert command_line.main(["crds", "apply"]) == 0
    run("apply --server-side -f -", FLOW)
    yield run
    run("delete tinyflows numbers")


@pytest.fixture
def names(run):
    """The two namespaces of the guides under names of this test's own; whoever needs one makes it."""
    some = uuid.uuid4().hex[:8]
    names = {"flows": f"flows-{some}", "tinyflow": f"tinyflow-{some}"}
    yield names
    for name in names.values():
        run(f"delete namespace {name} --wait=false")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("page", dict.fromkeys(each.id.partition(": ")[0] for each in of("kubectl")))
def test_kubectl_does_what_the_page_says(page, run, names):
    lines = [each.values[0].removeprefix("kubectl ") for each in of("kubectl") if each.id.startswith(f"{page}: ")]
    for name, here in names.items():
        if f"create namespace {name}" not in lines:
            run(f"create namespace {here}")

    for said in lines:
        given = said
        for name, here in names.items():
            given = re.sub(rf"(-n |namespace |serviceaccount:){name}\b", rf"\g<1>{here}", given)
        done = run(given)
        if " logs " in said:  # nothing runs where there is only an API, which says so once it has understood
            assert "(NotFound)" in done.stderr, f"{said}: {done.stderr or done.stdout}"
            continue
        expected = 1 if " can-i " in said else 0  # where the answer is no, so is the exit code
        assert done.returncode == expected, f"{said}: {done.stderr or done.stdout}"
        if expected:
            assert done.stdout.strip() == "no"


@pytest.mark.parametrize("said", of(*ELSEWHERE))
def test_what_is_given_to_others_is_there(said):
    words = shlex.split(said)
    files = [word for word in words if word.startswith(("images/", "charts/"))]
    extras = [extra for found in re.findall(r"tinyflow-jupyter\[(.*?)\]", said) for extra in found.split(",")]
    versions = re.findall(r"tinyflow-(?:module|operator):(\S+)", said)

    assert [file for file in files if not (ROOT / file).exists()] == []
    assert set(extras) <= set(PROJECT["optional-dependencies"])
    assert set(versions) <= {__version__}


@pytest.mark.parametrize("number", range(len(blocks(ROOT / "docs/how-to/production.md", "yaml"))))
def test_yaml_of_the_guide_is_what_it_is_for(number):
    said = yaml.safe_load(blocks(ROOT / "docs/how-to/production.md", "yaml")[number].replace("sha256:…", DIGEST))

    if "kind" in said:
        ports = {rule["port"] for each in said["spec"]["ingress"] for rule in each["ports"]}
        assert ports == {7443}
        return
    schema = yaml.safe_load((ROOT / "charts/tinyflow-operator/values.schema.json").read_text())
    jsonschema.validate(said, schema)


@pytest.mark.timeout(240)
@pytest.mark.census(keeps="what the kernel's client leaves of its sockets until its process ends")
@pytest.mark.filterwarnings("default")  # the kernel's client and its loops have warnings of their own
async def test_the_cells_of_the_first_cluster_run(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (ROOT, ROOT / "runtime", ROOT / "operator"))))
    cells = blocks(ROOT / "docs/how-to/first-cluster.md", "python")
    there = ("tf.Cluster()", "cluster.install()\n")
    assert all(each in "".join(cells) for each in there)
    cells = [cell.replace(there[0], "tf.Cluster.local()").replace(there[1], "") for cell in cells]
    cells.append("assert cluster.flows == []; cluster.close()")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])

    await NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).async_execute()

    counted = [output for cell in notebook.cells for output in cell.outputs if output.output_type == "error"]
    assert counted == []
