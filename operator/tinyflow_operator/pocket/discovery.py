"""What the server tells of itself: groups, kinds, and as much OpenAPI as kubectl asks for before it sends anything."""

from __future__ import annotations

from collections.abc import Iterable

from tinyflow_operator.kinds import Document
from tinyflow_operator.pocket.resources import VERBS, Resource

PART_VERBS = ["get", "patch", "update"]
REVIEWS = {"name": "selfsubjectaccessreviews", "singularName": "selfsubjectaccessreview", "namespaced": False}
REVIEW: Document = {**REVIEWS, "kind": "SelfSubjectAccessReview", "verbs": ["create"]}
AUTHORIZATION = "authorization.k8s.io"

# The Kubernetes whose ways are followed; clients decide by it what they may ask for.
VERSION: Document = {
    "major": "1",
    "minor": "32",
    "gitVersion": "v1.32.0+tinyflow",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "pocket",
}


def core_versions(host: str) -> Document:
    """What ``/api`` answers."""
    servers = [{"clientCIDR": "0.0.0.0/0", "serverAddress": host}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": servers}


def groups(resources: Iterable[Resource]) -> list[Document]:
    """Every group but the core one, as an APIGroup."""
    versions = {resource.group: resource.version for resource in resources if resource.group}
    return [_group(name, version) for name, version in {**versions, AUTHORIZATION: "v1"}.items()]


def _group(name: str, version: str) -> Document:
    served = {"groupVersion": f"{name}/{version}", "version": version}
    return {"kind": "APIGroup", "apiVersion": "v1", "name": name, "versions": [served], "preferredVersion": served}


def group_list(resources: Iterable[Resource]) -> Document:
    """What ``/apis`` answers."""
    listed = [
        {name: value for name, value in group.items() if name not in ("kind", "apiVersion")}
        for group in groups(resources)
    ]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}


def resource_list(resources: Iterable[Resource], group: str, version: str) -> Document | None:
    """Everything served in one version of a group; None when nothing is."""
    served: list[Document] = []
    for resource in resources:
        if (resource.group, resource.version) == (group, version):
            served += _entries(resource)
    if group == AUTHORIZATION:
        served.append(REVIEW)
    if not served:
        return None
    name = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": served}


def _entries(resource: Resource) -> list[Document]:
    head = {"singularName": resource.singular, "namespaced": resource.namespaced, "kind": resource.kind}
    more = {}
    if resource.short:
        more["shortNames"] = list(resource.short)
    if resource.categories:
        more["categories"] = list(resource.categories)
    entries: list[Document] = [{"name": resource.plural, **head, "verbs": VERBS, **more}]
    head["singularName"] = ""
    if resource.status:
        entries.append({"name": f"{resource.plural}/status", **head, "verbs": PART_VERBS})
    if resource.scale is not None:
        scale = {"group": "autoscaling", "version": "v1", "kind": "Scale"}
        entries.append({"name": f"{resource.plural}/scale", **head, **scale, "verbs": PART_VERBS})
    return entries


def openapi_paths(resources: Iterable[Resource], before: str) -> Document:
    """Where the OpenAPI document of each group is.

    Args:
        before: What stands before every path for this client.
    """
    names = {_root(resource) for resource in resources}
    return {"paths": {name: {"serverRelativeURL": f"{before}/openapi/v3/{name}?hash=0"} for name in sorted(names)}}


def openapi(resources: Iterable[Resource], root: str) -> Document | None:
    """One group's OpenAPI v3: its schemas for `kubectl explain`, and that its patches are checked by the server."""
    paths: Document = {}
    schemas: Document = {}
    for resource in resources:
        if _root(resource) != root:
            continue
        kind = {"group": resource.group, "kind": resource.kind, "version": resource.version}
        named = f"{resource.group or 'core'}.{resource.version}.{resource.kind}"
        schemas[named] = {"type": "object", **resource.schema, "x-kubernetes-group-version-kind": [kind]}
        place = "/namespaces/{namespace}" if resource.namespaced else ""
        asked = [{"name": name, "in": "query"} for name in ("dryRun", "fieldManager", "fieldValidation", "force")]
        patch = {"x-kubernetes-action": "patch", "x-kubernetes-group-version-kind": kind, "parameters": asked}
        patch["responses"] = {"200": {"description": "OK"}}
        paths[f"/{root}{place}/{resource.plural}/{{name}}"] = {"patch": patch}
    if not paths:
        return None
    about = {"title": "TinyFlow's pocket cluster", "version": VERSION["gitVersion"]}
    return {"openapi": "3.0.0", "info": about, "paths": paths, "components": {"schemas": schemas}}


def _root(resource: Resource) -> str:
    return f"apis/{resource.api_version}" if resource.group else f"api/{resource.version}"
