"""Rights: what one may do in a namespace, as the server says of oneself, and the role that gives the rest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from tinyflow_runtime.resources.documents import Document

from .api import KINDS, Api
from .plan import Change
from .refusals import Refused, not_allowed, role_of

AUTHORIZATION = "/apis/authorization.k8s.io/v1"
ROLES = ("tinyflow-viewer", "tinyflow-editor", "tinyflow-developer")  # each has what the ones before it have


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """To do one thing with objects of a kind, or with the one of that name, as Kubernetes writes it.

    Attributes:
        resource: The kind, perhaps with a part of it: ``"pods/log"``.
    """

    verb: str
    resource: str
    group: str = ""
    name: str = ""

    @classmethod
    def to(cls, verb: str, kind: str) -> Right:
        """By the name that the kind has in documents: ``"TinyFlow"``."""
        root, resource = KINDS[kind]
        return cls(verb, resource, root.split("/")[1] if root.startswith("apis/") else "")

    @property
    def role(self) -> str:
        """The least of the chart's roles that gives it."""
        return role_of(self.resource, self.verb, self.name)

    def __str__(self) -> str:
        return f"{self.verb} {self.resource} {self.name}".rstrip()


class Asked(Protocol):
    """A server, as it is asked what one may do."""

    def create(self, path: str, document: Document) -> Document: ...


def may(server: Asked, namespace: str, right: Right) -> bool:
    """Whether one has a right, by the word of whoever keeps the rights.

    Raises:
        ClusterError: TF-161, TF-162, it does not say.
    """
    resource, _, part = right.resource.partition("/")
    said = {"verb": right.verb, "group": right.group, "resource": resource, "subresource": part, "name": right.name}
    spec = {"resourceAttributes": {"namespace": namespace, **{field: word for field, word in said.items() if word}}}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec}
    answer = server.create(f"{AUTHORIZATION}/selfsubjectaccessreviews", body)
    return (answer.get("status") or {}).get("allowed") is True


def needed(changes: Iterable[Change]) -> set[Right]:
    """What it takes to make these changes."""
    found = set[Right]()
    for change in changes:
        if change.action == "delete" or change.doomed:
            found.add(Right.to("delete", change.kind))
        if change.action == "delete":
            continue
        if change.there is not None and not change.doomed:
            found.add(Right.to("update", change.kind))
        else:
            found.add(Right.to("patch", change.kind))
            if change.action == "create" or change.doomed:
                found.add(Right.to("create", change.kind))  # an apply of what is not there yet
    return found


def refuse_missing(api: Api, rights: Iterable[Right], what: str) -> None:
    """Refuse what one has no right to, before the first half of it is done.

    Args:
        what: What was to be done: ``"push 'numbers'"``.

    Raises:
        ClusterError: TF-161, with the rights that are missing and the role that gives them.
    """
    wanted = sorted(set(rights))
    if api.login.local or not wanted:
        return
    missing = [right for right in wanted if not _may(api, right)] if not _all(api, wanted) else []
    if missing:
        role = max((right.role for right in missing), key=ROLES.index)
        raise not_allowed(api.context, api.namespace, what, [str(right) for right in missing], role)


def _all(api: Api, wanted: Iterable[Right]) -> bool:
    """Whether the list of one's rights, which is one request, has all of them."""
    spec = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": api.namespace},
    }
    try:
        status = api.create(f"{AUTHORIZATION}/selfsubjectrulesreviews", spec).get("status") or {}
    except Refused:
        return False
    rules: list[Document] = status.get("resourceRules") or []
    return all(any(_gives(rule, right) for rule in rules) for right in wanted)


def _gives(rule: Document, right: Right) -> bool:
    def has(field: str, value: str) -> bool:
        return bool({"*", value} & set(rule.get(field) or ()))

    named = rule.get("resourceNames")  # a rule for single objects says nothing of others
    return not named and has("verbs", right.verb) and has("apiGroups", right.group) and has("resources", right.resource)


def _may(api: Api, right: Right) -> bool:
    """Asked one by one: such a list need not be complete."""
    try:
        return may(api, api.namespace, right)
    except Refused:
        return True  # who may not ask is told by the request itself
