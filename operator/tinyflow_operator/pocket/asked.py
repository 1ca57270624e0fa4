"""What a request asks for: a path's object or objects, and the options in its query."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiohttp import web

from tinyflow_operator.pocket.refusal import bad_request
from tinyflow_operator.pocket.resources import Resource
from tinyflow_operator.pocket.selection import Selection
from tinyflow_operator.pocket.store import Store

LONGEST_MANAGER = 128


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes: ``/apis/GROUP/VERSION/namespaces/NAMESPACE/PLURAL/NAME/PART``."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    part: str = ""


def route_of(store: Store, pieces: list[str]) -> Route | None:
    """The route of a path; None for a path that is about no objects.

    Raises:
        Refusal: No such kind is served.
    """
    group, version, rest = ("", pieces[1:2], pieces[2:])
    if pieces[0] == "apis":
        group, version, rest = "".join(pieces[1:2]), pieces[2:3], pieces[3:]
    if not rest or group == "authorization.k8s.io":
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    resource = store.resource(group, version[0], rest[0])
    name, part = (*rest[1:3], "", "")[:2]
    known = ("", *(("status",) if resource.status else ()), *(("scale",) if resource.scale else ()))
    if len(rest) > 3 or part not in known or (bool(namespace) != resource.namespaced and (namespace or name)):
        return Route(store.resource(group, version[0], ""))  # there is none of that name, and that is said
    return Route(resource, namespace, name, part)


class Asked:
    """The options of a request.

    Raises:
        Refusal: One of them is none.
    """

    def __init__(self, request: web.BaseRequest, resource: Resource) -> None:
        self._query, self._resource = request.query, resource
        accepted = request.headers.get("Accept", "")
        self.table = "as=Table" in accepted
        self.partial = "as=PartialObjectMetadata" in accepted
        self.watch = self._query.get("watch", "").lower() in ("1", "true")
        self.bookmarks = self._flag("allowWatchBookmarks")
        self.force = self._flag("force")
        self.shown = self._query.get("includeObject", "Metadata")
        self.strictness = self._query.get("fieldValidation") or "Warn"
        self.more = self._query.get("continue", "")
        self.exact = self._query.get("resourceVersionMatch") == "Exact"
        self.policy = self._query.get("propagationPolicy", "")
        self.applier = self._query.get("fieldManager", "")
        agent = re.split(r"[/ ]", request.headers.get("User-Agent", ""))[0]
        self.manager = (self.applier or agent or "unknown")[:LONGEST_MANAGER]

    def selection(self, namespace: str, name: str = "") -> Selection:
        labels, fields = self._query.get("labelSelector", ""), self._query.get("fieldSelector", "")
        return Selection(self._resource, namespace, labels=labels, fields=fields)

    @property
    def dry(self) -> bool:
        said = self._query.get("dryRun", "")
        if said not in ("", "All"):
            raise bad_request(f'Invalid value: "{said}": dryRun can be "All"')
        return said == "All"

    @property
    def limit(self) -> int:
        return self._number("limit") or 0

    @property
    def version(self) -> int | None:
        return self._number("resourceVersion")

    @property
    def seconds(self) -> int | None:
        return self._number("timeoutSeconds")

    @property
    def initial_events(self) -> bool:
        return self._flag("sendInitialEvents")

    def _flag(self, name: str) -> bool:
        return self._query.get(name, "").lower() in ("1", "true")

    def _number(self, name: str) -> int | None:
        said = self._query.get(name, "")
        if not said:
            return None
        if not said.isdigit():
            raise bad_request(f'Invalid value: "{said}": {name} must be a whole number')
        return int(said)
