"""A module from its source to a process that serves it, and back to an older one."""

from __future__ import annotations

import asyncio
import base64
import time

import pytest
import yaml
from tinyflow_operator.configuration import checked
from tinyflow_operator.kinds import CONFIGMAPS, DEPLOYMENTS, EVENTS, FLOWS, MODULES, NODES, SERVICES
from tinyflow_operator.launcher.pod import written
from tinyflow_operator.podtemplate import Code
from tinyflow_operator.revisions import kept
from tinyflow_operator.workload import contains, deployment
from tinyflow_runtime.resources.labels import HOT_RELOAD, SHA256, SOURCE_SHA256
from tinyflow_runtime.source.archive import Source

HOT = {HOT_RELOAD: "true"}


async def deployed(place, sha256=""):
    def fits(deployment):
        found = ((deployment or {}).get("spec") or {}).get("template", {}).get("metadata", {}).get("annotations") or {}
        return bool(deployment) and found.get(SOURCE_SHA256, "").startswith(sha256)

    return await place.until(DEPLOYMENTS, "tm-m", fits)


async def push(place, text, **metadata):
    source = await place.source(text)
    await place.apply(MODULES, "m", {"source": source}, **metadata)
    return source["sha256"]


async def test_a_source_becomes_a_deployment_and_a_service_that_go_with_the_module(place):
    async with place.operating():
        sha256 = await push(place, "one = 1")
        deployment = await deployed(place, sha256)
        service = await place.until(SERVICES, "tm-m", bool)
        condition = await place.condition(MODULES, "m", "SourceVerified", status="True")

    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert container["command"][:7] == [*("python", "-m", "tinyflow_runtime", "module", "m", "--source"), SOURCE_FILE]
    assert container["command"][7:9] == ["--sha256", sha256]
    assert condition["reason"] == "Verified"
    uid = (await place.get(MODULES, "m"))["metadata"]["uid"]
    children = [deployment, service, *(await place.list(CONFIGMAPS)).values()]
    owners = [[owner["uid"] for owner in child["metadata"].get("ownerReferences", [])] for child in children]
    assert owners == [[uid]] * 3


SOURCE_FILE = "/tinyflow/source/source.zip"


async def test_an_image_becomes_a_deployment_of_it(place):
    async with place.operating():
        await place.apply(MODULES, "m", {"image": "it/maths:1"})
        deployment = await deployed(place)

    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert (container["image"], container.get("command")) == ("it/maths:1", None)
    assert container["args"][:2] == ["module", "m"]


async def test_an_inline_source_gets_a_config_map(place):
    source = Source("m", {"m.py": "one = 1"})
    inline = base64.b64encode(source.archive()).decode()

    async with place.operating():
        await place.apply(MODULES, "m", {"source": {"sha256": source.sha256, "inline": inline}})
        await deployed(place, source.sha256)

    stored = (await place.list(CONFIGMAPS))[f"tm-m-{source.sha256[:12]}"]
    assert (stored["binaryData"]["source.zip"], stored["immutable"]) == (inline, True)


async def test_requirements_are_installed_before_the_module_starts(place):
    lock = "numpy==2.0 --hash=sha256:" + "0" * 64
    source = Source("m", {"m.py": "one = 1"}, (lock,))
    inline = base64.b64encode(source.archive()).decode()

    async with place.operating():
        await place.apply(MODULES, "m", {"source": {"sha256": source.sha256, "inline": inline}})
        deployment = await deployed(place, source.sha256)

    pod = deployment["spec"]["template"]["spec"]
    assert "--require-hashes" in pod["initContainers"][0]["command"][2]
    assert {"name": "PYTHONPATH", "value": "/tinyflow/dependencies"} in pod["containers"][0]["env"]


async def test_what_the_configuration_does_not_say_any_more_goes_from_the_deployment(place):
    chosen = checked({"nodeSelector": {"disk": "fast"}, "priorityClassName": "high"}, "f")
    async with place.operating(configuration=chosen):
        sha256 = await push(place, "one = 1")
        before = await deployed(place, sha256)

    async with place.operating():
        after = await place.until(DEPLOYMENTS, "tm-m", lambda found: found["metadata"]["generation"] == 2)

    before, after = (one["spec"]["template"]["spec"] for one in (before, after))
    assert (before["nodeSelector"], before["priorityClassName"]) == ({"disk": "fast"}, "high")
    assert (after.get("nodeSelector"), after.get("priorityClassName")) == (None, None)


async def test_a_server_takes_a_pod_of_every_field_of_the_configuration(place):
    configuration = checked(yaml.safe_load(EVERYTHING), "f")
    async with place.operating(configuration=configuration):
        sha256 = await push(place, "one = 1")
        there = await deployed(place)

    wanted = deployment(await place.get(MODULES, "m"), Code(sha256, f"tm-m-{sha256[:12]}"), configuration)
    assert contains(there, wanted), "it would be written again and again"


EVERYTHING = """
image: registry.example/m@sha256:0
imagePullPolicy: IfNotPresent
imagePullSecrets: [{name: registry}]
resources: {requests: {cpu: 1, memory: 1024Mi}, limits: {memory: 2Gi}}
runAsUser: 1000
nodeSelector: {disk: fast}
tolerations: [{key: gpu, operator: Exists, effect: NoSchedule}]
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms: [{matchExpressions: [{key: zone, operator: In, values: [a]}]}]
topologySpreadConstraints:
- {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {a: b}}}
priorityClassName: high
podLabels: {team: one}
podAnnotations: {note: one}
env: [{name: HTTPS_PROXY, value: "http://proxy:3128"}]
index: {url: "https://index.example/simple", caSecret: index-ca}
"""


async def test_an_operator_that_starts_anew_leaves_what_is_as_it_shall_be(place, eventually):
    async with place.operating():
        await push(place, "one = 1")
        await deployed(place)
        await place.until(SERVICES, "tm-m", bool)
        await place.condition(MODULES, "m", reason="Starting")
        await asyncio.sleep(1)

    before = place.kube.counts["PATCH", "200"]
    async with place.operating() as operator:
        await eventually(lambda: operator.desk.few.counts[MODULES.name, "done"] >= 3)
    written = place.kube.counts["PATCH", "200"] - before

    assert written == 0


async def test_a_deployment_that_was_deleted_or_changed_comes_back(place):
    async with place.operating():
        await push(place, "one = 1")
        first = await deployed(place)
        await place.delete(DEPLOYMENTS, "tm-m")
        second = await place.until(
            DEPLOYMENTS, "tm-m", lambda found: found and found["metadata"]["uid"] != first["metadata"]["uid"]
        )
        await place.kube.apply(DEPLOYMENTS, {"metadata": place.key("tm-m"), "spec": {"replicas": 3}}, "somebody")
        await place.until(
            DEPLOYMENTS, "tm-m", lambda found: found["spec"]["replicas"] == 1 and found["metadata"]["generation"] == 3
        )

    assert second["spec"] == first["spec"]


async def test_a_deployment_that_is_somebody_elses_is_left_alone(place):
    labels = {"app": "other"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "it", "image": "it"}]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    before = await place.apply(DEPLOYMENTS, "tm-m", spec)

    async with place.operating():
        await push(place, "one = 1")
        condition = await place.condition(MODULES, "m", "Accepted", status="False")

    assert condition["reason"] == "NameTaken"
    assert await place.get(DEPLOYMENTS, "tm-m") == before


async def test_a_source_that_is_not_there_is_waited_for(place):
    source = Source("m", {"m.py": "one = 1"})
    name = f"tm-m-{source.sha256[:12]}"

    async with place.operating():
        await place.apply(MODULES, "m", {"source": {"sha256": source.sha256, "configMapRef": {"name": name}}})
        condition = await place.condition(MODULES, "m", "SourceVerified", status="False")
        await place.source("one = 1")
        await place.condition(MODULES, "m", "SourceVerified", status="True")

    assert condition["reason"] == "SourceMissing"
    assert condition["message"] == f"There is no ConfigMap '{name}'. Push the module again."


@pytest.mark.parametrize(
    ("archive", "sha256", "reason"),
    [
        (Source("m", {"m.py": "other = 1"}).archive(), "0" * 64, "HashMismatch"),
        (b"no zip", None, "Hostile"),
        (Source("n", {"n.py": "one = 1"}).archive(), None, "OtherModule"),
    ],
)
async def test_a_source_that_is_not_what_it_says_leaves_the_old_one(place, double, archive, sha256, reason):
    import hashlib

    module = double()

    async with place.operating():
        module.revision = await push(place, "one = 1", annotations=HOT)
        before = await deployed(place)
        async with place.serving(module, sha256=module.revision):
            await place.condition(MODULES, "m", status="True")
            content = {"source.zip": base64.b64encode(archive).decode()}
            await place.kube.apply(CONFIGMAPS, {"metadata": place.key("bad"), "binaryData": content}, "test")
            bad = {"sha256": sha256 or hashlib.sha256(archive).hexdigest(), "configMapRef": {"name": "bad"}}
            await place.apply(MODULES, "m", {"source": bad}, annotations=HOT)
            verified = await place.condition(MODULES, "m", "SourceVerified", status="False", generation=2)
            condition = await place.condition(MODULES, "m", status="False", generation=2)
            found = await place.get(MODULES, "m")

    assert (verified["reason"], condition["reason"]) == (reason, reason)
    assert condition["message"].endswith(f"Revision {module.revision[:12]} serves on.")
    assert found["status"]["revision"] == module.revision
    assert (await place.get(DEPLOYMENTS, "tm-m"))["spec"] == before["spec"]


async def test_a_new_source_goes_into_the_running_process(place, double):
    module = double()

    async with place.operating():
        first = module.revision = await push(place, "one = 1", annotations=HOT)
        await deployed(place, first)
        async with place.serving(module, sha256=first):
            await place.condition(MODULES, "m", status="True")
            second = await push(place, "two = 2", annotations=HOT)
            await place.condition(MODULES, "m", status="True", generation=2)
            await deployed(place, second)
            status = (await place.get(MODULES, "m"))["status"]

    assert module.loads == [second]
    assert status["revision"] == second
    assert [(one["sha256"], one["outcome"]) for one in status["revisions"]] == [(second, "Serving"), (first, "Served")]


async def test_a_new_source_rolls_out_when_it_may_not_be_loaded_hot(place, double):
    module = double()

    async with place.operating():
        first = module.revision = await push(place, "one = 1")
        async with place.serving(module, sha256=first):
            await place.condition(MODULES, "m", status="True")
            second = await push(place, "two = 2")
            await deployed(place, second)
            condition = await place.condition(MODULES, "m", "Progressing", status="True", generation=2)

    assert module.loads == []
    assert condition["message"] == f"Revision {second[:12]} is being loaded. Revision {first[:12]} serves on."


async def test_a_source_that_does_not_load_leaves_the_old_one_serving(place, double):
    module = double(broken=[Source("m", {"m.py": "broken"}).sha256])

    async with place.operating():
        first = module.revision = await push(place, "one = 1", annotations=HOT)
        await deployed(place, first)
        async with place.serving(module, sha256=first):
            await place.node("sums.a")
            await place.condition(NODES, "sums.a", status="True")
            broken = await push(place, "broken", annotations=HOT)
            condition = await place.condition(MODULES, "m", status="False", generation=2)
            stalled = await place.condition(MODULES, "m", "Stalled", status="True", generation=2)
            events = [event for event in (await place.list(EVENTS)).values() if event["reason"] == "LoadFailed"]
            node = await place.condition(NODES, "sums.a")
            template = (await deployed(place))["spec"]["template"]
            revisions = (await place.get(MODULES, "m"))["status"]["revisions"]
            third = await push(place, "three = 3", annotations=HOT)
            await place.condition(MODULES, "m", status="True", generation=3)

    assert condition["reason"] == stalled["reason"] == "LoadFailed"
    assert "TF-110 Module 'm' failed to load: NameError: x\n  cell 3, line 2" in condition["message"]
    assert condition["message"].endswith(f"Revision {first[:12]} serves on.")
    assert [event["type"] for event in events] == ["Warning"]
    assert node["status"] == "True"
    assert template["metadata"]["annotations"][SOURCE_SHA256] == first, "its process would start what does not load"
    assert [(one["sha256"], one["outcome"]) for one in revisions] == [(broken, "Failed"), (first, "Serving")]
    assert module.loads == [broken, third]
    assert (await deployed(place))["spec"]["template"]["metadata"]["annotations"][SOURCE_SHA256] == third


async def test_a_module_that_never_loaded_says_the_last_lines_it_wrote(place):
    async with place.operating():
        sha256 = await push(place, "broken")
        await deployed(place, sha256)
        await place.pod("m", sha256=sha256, crash="TF-110 Module 'm' failed to load: NameError: x\n  cell 3, line 2")
        condition = await place.condition(MODULES, "m", reason="LoadFailed")

    assert condition["message"] == "TF-110 Module 'm' failed to load: NameError: x\n  cell 3, line 2"


async def test_a_module_whose_process_keeps_ending_is_not_ready_and_its_flow_says_why(place, double):
    module = double()
    why = "Its process keeps ending, 4 times so far. It ended with exit code 3. The last line it wrote: 'tick 2'."
    why += " Its log says more: kubectl logs pod-1."

    async with place.operating():
        module.revision = sha256 = await push(place, "one = 1")
        await deployed(place, sha256)
        async with place.serving(module, sha256=sha256):
            await place.flow("sums", "a", module="m", wait=False)
            await place.condition(FLOWS, "sums", status="True")
            ended = {"terminated": {"exitCode": 3, "message": "tick 1\ntick 2"}}
            running = {"running": {"startedAt": written(time.time())}}
            address = (await place.get(MODULES, "m"))["status"]["address"]
            crashing = {"sha256": sha256, "address": address, "restartCount": 4, "lastState": ended}
            await place.pod("m", **crashing, state=running)
            flow = await place.condition(FLOWS, "sums", status="False")
            of_module = await place.condition(MODULES, "m", status="False")
            stalled = await place.condition(MODULES, "m", "Stalled")
            await place.pod("m", **crashing | {"restartCount": 5}, state=running)
            await place.condition(FLOWS, "sums", message=f"module m: {why.replace('4', '5')}")
            await place.pod("m", **crashing, state={"running": {"startedAt": written(time.time() - 120)}})
            again = await place.condition(FLOWS, "sums", status="True")

    assert (of_module["reason"], of_module["message"], stalled["status"]) == ("CrashLoop", why, "True")
    assert (flow["reason"], flow["message"]) == ("CrashLoop", f"module m: {why}")
    assert again["reason"] == "Running"


async def test_going_back_is_pointing_at_an_older_source(place, double):
    module = double()

    async with place.operating():
        first = module.revision = await push(place, "one = 1", annotations=HOT)
        async with place.serving(module, sha256=first):
            await deployed(place, first)
            await push(place, "two = 2", annotations=HOT)
            await place.condition(MODULES, "m", status="True", generation=2)
            older = {"sha256": first, "configMapRef": {"name": f"tm-m-{first[:12]}"}}
            await place.apply(MODULES, "m", {"source": older}, annotations=HOT)
            await place.condition(MODULES, "m", status="True", generation=3)

    assert module.revision == first


async def test_five_revisions_are_kept_and_what_was_not_taken_over_yet(place, double):
    module = double()

    async with place.operating():
        hashes = [await push(place, "one = 0", annotations=HOT)]
        module.revision = hashes[0]
        async with place.serving(module, sha256=hashes[0]):
            for number in range(1, 7):
                await place.condition(MODULES, "m", status="True", generation=number)
                await place.source("coming = 1")
                hashes.append(await push(place, f"one = {number}", annotations=HOT))
            await place.condition(MODULES, "m", status="True", generation=7)
            revisions = (await place.get(MODULES, "m"))["status"]["revisions"]

    assert [one["sha256"] for one in revisions] == hashes[:1:-1]
    there = [one["metadata"]["annotations"][SHA256] for one in (await place.list(CONFIGMAPS)).values()]
    assert set(there) == {*hashes[2:], Source("m", {"m.py": "coming = 1"}).sha256}


def test_the_revision_that_serves_is_kept_however_many_broken_ones_follow():
    revisions = []
    for number in range(20):
        outcome = "Serving" if number == 0 else "Failed"
        revisions = kept(
            revisions,
            wanted=str(number),
            serving="0",
            config_map="",
            outcome=outcome,
            message="" if number == 0 else "x",
        )

    assert [one["sha256"] for one in revisions] == ["19", "18", "17", "16", "0"]
    assert revisions[-1]["outcome"] == "Serving"
