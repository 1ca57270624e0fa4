"""A cluster's API server as the doctor asks it: once, for some seconds, and whatever it answers is looked at."""

from __future__ import annotations

import base64
import email.utils
import json
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass

from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.resources.documents import Document

from tinyflow_jupyter._cluster.api import Api
from tinyflow_jupyter._cluster.refusals import refused

CONNECT, READ = 3.0, 5.0  # seconds; whoever is further away than that is too far to work with
ACCOUNT = "system:serviceaccount:"  # how the user's name of one begins, before namespace:name
PAGE = 500  # objects of a list that are looked at


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said.

    Attributes:
        status: The HTTP status.
        document: What it sent; empty when that was no JSON object.
        text: The beginning of what it sent.
        ahead: Seconds by which its clock is before ours, to about half a second; None when it did not say.
        took: Seconds until it had answered.
    """

    status: int
    document: Document
    text: str
    ahead: float | None
    took: float

    @property
    def fine(self) -> bool:
        return self.status < 300

    @property
    def items(self) -> list[Document]:
        """Of a list; without those that are no objects with a name."""
        said = self.document.get("items")
        each = said if isinstance(said, list) else []
        return [
            item
            for item in each
            if isinstance(item, dict)
            and isinstance(item.get("metadata"), dict)
            and item["metadata"].get("name")
            and item["metadata"].get("namespace")
        ]

    def part(self, *names: str) -> Document:
        """What is inside of what it sent; empty when nothing like that is there."""
        found: object = self.document
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else {}


class Server:
    """The API server that a kubeconfig names. May be used from several threads.

    Args:
        api: The same as a notebook uses it, with which it has connections and login in common.
    """

    def __init__(self, api: Api) -> None:
        self.api, self.login = api, api.login

    def ask(self, path: str, asked: Mapping[str, str] | None = None, *, body: Document | None = None) -> Answer:
        """Ask once; the answer says something of what was asked for, and be it no.

        Raises:
            ClusterError: TF-162, it cannot be reached. TF-161, it has trouble of its own.
        """
        answer = self.hear(path, asked, body=body)
        if answer.status in (401, 429) or answer.status >= 500:
            error = refused(self.login.context, answer.status, answer.text, path, namespace=self.login.namespace)
            raise ClusterError(error.code, error.what, "kubectl get --raw /readyz?verbose")
        return answer

    def hear(self, path: str, asked: Mapping[str, str] | None = None, *, body: Document | None = None) -> Answer:
        """Whatever it answers.

        Raises:
            ClusterError: TF-162, it cannot be reached.
        """
        method = "GET" if body is None else "POST"
        began, at = time.monotonic(), time.time()
        answer = self.login.ask(method, path, asked, body=body, connect=CONNECT, read=READ)
        took = time.monotonic() - began
        text = answer.data.decode("utf-8", "replace")
        try:
            document = json.loads(text)
        except ValueError:
            document = {}
        date = email.utils.parsedate_tz(answer.headers.get("Date", ""))
        # It says whole seconds, of a moment about half way between asking and being answered.
        ahead = email.utils.mktime_tz(date) + 0.5 - (at + took / 2) if date else None
        return Answer(answer.status, document if isinstance(document, dict) else {}, text, ahead, took)

    def who(self) -> str:
        """Whom a role is bound to, as an option of kubectl; ``--user=NAME`` where nobody says who that is."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = self.ask("/apis/authentication.k8s.io/v1/selfsubjectreviews", body=body)
        name = str(answer.part("status", "userInfo").get("username") or "") if answer.fine else ""
        name = name or self._account()  # a server before 1.28 does not say
        if name.startswith(ACCOUNT):
            return f"--serviceaccount={shlex.quote(name.removeprefix(ACCOUNT))}"
        return f"--user={shlex.quote(name or 'NAME')}"

    def _account(self) -> str:
        """The ServiceAccount of our token, by the token's own word; empty where it is not one's."""
        try:
            _, middle, _ = self.login.headers().get("authorization", "").split(".")
            claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
            name = str(claims.get("sub") or "")
        except (ValueError, AttributeError):
            return ""
        return name if name.startswith(ACCOUNT) else ""

    def create(self, path: str, document: Document) -> Document:
        """Ask for something that is answered and not kept.

        Raises:
            ClusterError: TF-162, TF-161.
        """
        answer = self.ask(path, body=document)
        if not answer.fine:
            raise refused(self.login.context, answer.status, answer.text, path, namespace=self.login.namespace)
        return answer.document
