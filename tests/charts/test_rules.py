"""Rules that every rendering keeps, and faults that each of them finds."""

from __future__ import annotations

import re

import pytest

CLUSTER_WIDE = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "Namespace",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}
OURS = ["app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/part-of"]
SILENT = {"CustomResourceDefinition", "TinyModule"}  # make no pods of ours


def faults(documents, *, namespaced=False, labels=None):
    """What is wrong with a chart's documents, one sentence each."""
    found = []
    for document in documents:
        name = f"{document['kind']} {document['metadata']['name']}"
        for check in (_place, _labelled, _rights, _pod, _service, _hook):
            found += [f"{name}: {fault}" for fault in check(document)]
        if namespaced and document["kind"] in CLUSTER_WIDE:
            found.append(f"{name}: needs cluster-wide rights")
        if labels and not labels.items() <= document["metadata"]["labels"].items():
            found.append(f"{name}: lacks a common label")
    return found + _together(documents)


def _place(document):
    cluster_wide, said = document["kind"] in CLUSTER_WIDE, "namespace" in document["metadata"]
    if cluster_wide == said:
        yield "says a namespace and has none" if said else "does not say its namespace"


def _labelled(document):
    labels = document["metadata"].get("labels", {})
    wanted = OURS[2:] if document["kind"] == "CustomResourceDefinition" else [*OURS, "helm.sh/chart"]
    for label in [*wanted, "app.kubernetes.io/managed-by"]:
        if label not in labels:
            yield f"has no label {label}"


def _rights(document):
    for rule in document.get("rules") or ():
        for part in ("apiGroups", "resources", "verbs"):
            if any("*" in one for one in rule.get(part, ())):
                yield f"a wildcard among its {part}"
        reads = {"get", "list", "watch"} & set(rule["verbs"])
        if "secrets" in rule["resources"] and reads and not rule.get("resourceNames"):
            yield f"may {', '.join(sorted(reads))} any Secret"
        if {"bind", "escalate", "impersonate"} & set(rule["verbs"]):
            yield "may give itself more rights"
        if "serviceaccounts/token" in rule["resources"] and not rule.get("resourceNames"):
            yield "may be anybody"
    role = document.get("roleRef", {}).get("name", "")
    if role in ("cluster-admin", "admin", "edit"):
        yield f"is bound to {role}"


def _pod(document):
    template = {"Deployment": lambda: document["spec"]["template"], "Pod": lambda: document}.get(document["kind"])
    if template is None:
        return
    pod = template()["spec"]
    security = pod.get("securityContext", {})
    if not security.get("runAsNonRoot"):
        yield "may run as root"
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "has no seccomp profile"
    if {"hostNetwork", "hostPID", "hostIPC", "nodeName"} & pod.keys():
        yield "is on the machine itself"
    if any("hostPath" in volume for volume in pod.get("volumes", ())):
        yield "reads the machine's files"
    if "automountServiceAccountToken" not in pod:
        yield "does not say whether it gets a token"
    if pod.get("automountServiceAccountToken") and not pod.get("serviceAccountName"):
        yield "gets the token of the default account"
    for container in [*pod["containers"], *pod.get("initContainers", ())]:
        yield from _container(container, lasts=document["kind"] == "Deployment")
    if document["kind"] == "Deployment" and document["spec"]["replicas"] > 1:
        spread = pod.get("affinity", {}).get("podAntiAffinity")
        if not spread:
            yield "may have all its pods on one machine"


def _container(container, *, lasts):
    security = container.get("securityContext", {})
    if security.get("allowPrivilegeEscalation") is not False:
        yield "a container may escalate"
    if not security.get("readOnlyRootFilesystem"):
        yield "a container may write into its image"
    if security.get("capabilities") != {"drop": ["ALL"]}:
        yield "a container keeps capabilities"
    if security.get("privileged"):
        yield "a container is privileged"
    image = container["image"]
    if not _pinned(image):
        yield f"the image {image} is not pinned"
    if lasts and not {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys():
        yield "a container has not all probes"
    if "resources" not in container:
        yield "a container does not say what it needs"
    if not container.get("command"):
        yield "what a container runs is left to its image"
    names = [variable["name"] for variable in container.get("env", ())]
    if len(names) != len(set(names)):
        yield "a variable is said twice"


def _pinned(image):
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return bool(re.fullmatch("sha256:[0-9a-f]{64}", digest)) if digest else tag not in ("", "latest")


def _service(document):
    if document["kind"] == "Service" and document["spec"].get("type", "ClusterIP") != "ClusterIP":
        yield "is reached from outside"


def _hook(document):
    hooks = document["metadata"].get("annotations", {}).get("helm.sh/hook", "test")
    if hooks != "test":
        yield f"is a hook: {hooks}"


def _together(documents):
    """What holds between documents: selectors find their pods, and bindings their roles and accounts."""
    pods = [
        (each["metadata"]["namespace"], each["spec"]["template"]["metadata"]["labels"])
        for each in documents
        if each["kind"] == "Deployment"
    ]
    there = {(each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]) for each in documents}
    twice = len(documents) - len(there)
    found = [f"{twice} documents of one name"] if twice else []
    for each in documents:
        name, namespace = f"{each['kind']} {each['metadata']['name']}", each["metadata"].get("namespace", "")
        selected = {
            "Service": lambda spec: spec["selector"],
            "PodDisruptionBudget": lambda spec: spec["selector"]["matchLabels"],
            "Deployment": lambda spec: spec["selector"]["matchLabels"],
        }.get(each["kind"])
        if selected:
            wanted = selected(each["spec"]).items()
            if sum(place == namespace and wanted <= labels.items() for place, labels in pods) != 1:
                found.append(f"{name}: does not select the pods of one Deployment")
        if "roleRef" in each:
            role = each["roleRef"]
            if (role["kind"], namespace if role["kind"] == "Role" else "", role["name"]) not in there:
                found.append(f"{name}: there is no {role['kind']} {role['name']}")
        account = each["spec"]["template"]["spec"]["serviceAccountName"] if each["kind"] == "Deployment" else None
        if account and ("ServiceAccount", namespace, account) not in there:
            found.append(f"{name}: there is no ServiceAccount {account}")
    return found


def test_every_rendering_keeps_the_rules(case, render):
    chart, values, apis = case

    for version in ("1.20", "1.29", "1.36"):
        documents = render(chart, values, version=version, apis=apis)
        namespaced = bool(values.get("watchNamespace"))
        assert faults(documents, namespaced=namespaced, labels=values.get("commonLabels")) == []


def test_in_one_namespace_rights_are_there_and_in_the_operators_own(render):
    documents = render("tinyflow-operator", {"watchNamespace": "flows"})

    places = {(each["kind"], each["metadata"]["namespace"]) for each in documents}

    assert {place for _, place in places} == {"flows", "tinyflow"}
    assert {kind for kind, place in places if place == "flows"} == {"Role", "RoleBinding"}


def test_the_operator_reads_one_secret_and_the_gateway_none(render):
    documents = render("tinyflow-operator")
    roles = {
        (each["metadata"]["name"], tuple(rule.get("resourceNames", ())), tuple(rule["verbs"]))
        for each in documents
        for rule in each.get("rules") or ()
        if "secrets" in rule["resources"]
    }

    assert {names for _, names, verbs in roles if "get" in verbs} == {("tinyflow-ca",)}
    assert {role for role, *_ in roles} == {"tinyflow-operator", "tinyflow-operator-own"}


def test_people_may_more_the_further_they_go(render):
    roles = {each["metadata"]["name"]: each for each in render("tinyflow-operator") if each["kind"] == "ClusterRole"}

    def may(role):
        return {
            (group, resource, verb, name)
            for rule in roles[f"tinyflow-{role}"]["rules"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
            for name in rule.get("resourceNames", [""])
        }

    assert may("viewer") < may("editor") < may("developer")
    writes = {"create", "update", "patch", "delete", "deletecollection"}
    assert not any(resource == "tinymodules" and verb in writes for _, resource, verb, _ in may("editor"))
    assert ("tinyflow.dev", "tinymodules/code", "push", "") in may("developer") - may("editor")
    labels = {name: each["metadata"]["labels"] for name, each in roles.items()}
    to = "rbac.authorization.k8s.io/aggregate-to-"
    assert {(name, label.removeprefix(to)) for name in labels for label in labels[name] if label.startswith(to)} == {
        ("tinyflow-viewer", "view"),
        ("tinyflow-editor", "edit"),
        ("tinyflow-developer", "admin"),
    }


def test_the_policy_guards_all_of_a_modules_spec(render):
    policy = next(each for each in render("tinyflow-operator") if each["kind"] == "ValidatingAdmissionPolicy")
    binding = next(each for each in render("tinyflow-operator") if each["kind"].endswith("PolicyBinding"))

    assert policy["spec"]["failurePolicy"] == "Fail"
    assert policy["spec"]["matchConstraints"]["resourceRules"] == [
        {
            "apiGroups": ["tinyflow.dev"],
            "apiVersions": ["*"],
            "operations": ["CREATE", "UPDATE"],
            "resources": ["tinymodules"],
        }
    ]
    (rule,) = policy["spec"]["validations"]
    assert "object.spec == oldObject.spec" in rule["expression"]
    assert "subresource('code').namespace(request.namespace).check('push').allowed()" in rule["expression"]
    assert binding["spec"] == {"policyName": policy["metadata"]["name"], "validationActions": ["Deny"]}


def _container_of(document):
    return document["spec"]["template"]["spec"]["containers"][0]


FAULTS = {
    "may run as root": ("Deployment", lambda it: it["spec"]["template"]["spec"]["securityContext"].clear()),
    "has no seccomp profile": (
        "Deployment",
        lambda it: it["spec"]["template"]["spec"]["securityContext"].update(seccompProfile={"type": "Unconfined"}),
    ),
    "is on the machine itself": ("Deployment", lambda it: it["spec"]["template"]["spec"].update(hostNetwork=True)),
    "reads the machine's files": (
        "Deployment",
        lambda it: it["spec"]["template"]["spec"]["volumes"].append({"name": "etc", "hostPath": {"path": "/etc"}}),
    ),
    "does not say whether it gets a token": ("Pod", lambda it: it["spec"].pop("automountServiceAccountToken")),
    "gets the token of the default account": ("Pod", lambda it: it["spec"].update(automountServiceAccountToken=True)),
    "a container may escalate": ("Deployment", lambda it: _container_of(it).pop("securityContext")),
    "a container may write into its image": (
        "Pod",
        lambda it: it["spec"]["containers"][0]["securityContext"].update(readOnlyRootFilesystem=False),
    ),
    "a container keeps capabilities": (
        "Deployment",
        lambda it: _container_of(it)["securityContext"]["capabilities"].update(add=["NET_ADMIN"]),
    ),
    "a container is privileged": ("Deployment", lambda it: _container_of(it)["securityContext"].update(privileged=1)),
    "the image it:latest is not pinned": ("Deployment", lambda it: _container_of(it).update(image="it:latest")),
    "the image it is not pinned": ("Deployment", lambda it: _container_of(it).update(image="it")),
    "the image at:5000/it is not pinned": ("Deployment", lambda it: _container_of(it).update(image="at:5000/it")),
    "a container has not all probes": ("Deployment", lambda it: _container_of(it).pop("livenessProbe")),
    "a container does not say what it needs": ("Deployment", lambda it: _container_of(it).pop("resources")),
    "what a container runs is left to its image": ("Deployment", lambda it: _container_of(it).pop("command")),
    "a variable is said twice": ("Deployment", lambda it: _container_of(it)["env"].append({"name": "POD_NAME"})),
    "may have all its pods on one machine": (
        "Deployment",
        lambda it: it["spec"]["template"]["spec"].pop("affinity"),
    ),
    "a wildcard among its verbs": ("ClusterRole", lambda it: it["rules"][0].update(verbs=["*"])),
    "a wildcard among its resources": ("Role", lambda it: it["rules"][0].update(resources=["*"])),
    "a wildcard among its apiGroups": ("ClusterRole", lambda it: it["rules"][0].update(apiGroups=["*"])),
    "may list any Secret": (
        "ClusterRole",
        lambda it: it["rules"].append({"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}),
    ),
    "may give itself more rights": ("Role", lambda it: it["rules"][0]["verbs"].append("escalate")),
    "may be anybody": (
        "ClusterRole",
        lambda it: it["rules"].append({"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]}),
    ),
    "is bound to cluster-admin": ("ClusterRoleBinding", lambda it: it["roleRef"].update(name="cluster-admin")),
    "there is no ClusterRole": ("ClusterRoleBinding", lambda it: it["roleRef"].update(name="nobody")),
    "there is no ServiceAccount": (
        "Deployment",
        lambda it: it["spec"]["template"]["spec"].update(serviceAccountName="nobody"),
    ),
    "does not select the pods": ("Service", lambda it: it["spec"]["selector"].update(other="pods")),
    "is reached from outside": ("Service", lambda it: it["spec"].update(type="NodePort")),
    "is a hook: pre-delete": (
        "ConfigMap",
        lambda it: it["metadata"].update(annotations={"helm.sh/hook": "pre-delete"}),
    ),
    "does not say its namespace": ("ConfigMap", lambda it: it["metadata"].pop("namespace")),
    "has no label app.kubernetes.io/name": ("ConfigMap", lambda it: it["metadata"].update(labels={})),
    "documents of one name": ("Service", lambda it: it["metadata"].update(name="tinyflow-gateway")),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault, render):
    kind, plant = FAULTS[fault]
    documents = render("tinyflow-operator")
    assert faults(documents) == []

    # The last one: the operator's Service, after the gateway's.
    plant([each for each in documents if each["kind"] == kind][-1])

    assert any(fault in each for each in faults(documents)), faults(documents)


def test_cluster_wide_rights_are_found_where_there_may_be_none(render):
    found = faults(render("tinyflow-operator"), namespaced=True)

    assert {fault.rpartition(": ")[2] for fault in found} == {"needs cluster-wide rights"}
    assert len(found) == 11  # five roles, two bindings, two policies and their bindings


def test_a_common_label_that_is_missing_is_found(render):
    found = faults(render("tinyflow-operator"), labels={"team": "platform"})

    assert len(found) == len(render("tinyflow-operator"))
