"""The Kubernetes API as a notebook uses it."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any, Self

from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.resources.documents import VERSION, Document
from tinyflow_runtime.resources.names import KINDS as OURS

from .kubeconfig import Login
from .refusals import Refused, closed, is_about_an_object, not_kubernetes, refused

PUSH = "tinyflow-push"  # the field manager of everything that a person pushes
AT_ONCE = 8  # requests in flight: a server on two cores is busy with fewer, and a slow line needs more than one
PAGE = 500  # objects a list answers at once; more make the server slow for everybody
TRIES = 4  # of one request: every one of ours may be asked twice
CONNECT, READ = 5.0, 30.0  # seconds until a server counts as away

# kind -> where its API is, and its name there
KINDS = {
    "ConfigMap": ("api/v1", "configmaps"),
    "Namespace": ("api/v1", "namespaces"),
    "Pod": ("api/v1", "pods"),
    "Service": ("api/v1", "services"),
    **{kind: (f"apis/{VERSION}", plural) for kind, plural in OURS.items()},
}


class Api:
    """One namespace of one cluster. It may be used from several threads, and every wait can be interrupted.

    Args:
        login: The server, and how one logs in there.
    """

    def __init__(self, login: Login) -> None:
        self.login = login
        self.namespace, self.context, self.host = login.namespace, login.context, login.host
        self._threads = ThreadPoolExecutor(AT_ONCE, "tinyflow api")
        self._closed = False

    @classmethod
    def of_context(cls, context: str | None, namespace: str | None) -> Self:
        """A context of the kubeconfig; inside a pod without one, the pod's cluster.

        Raises:
            ClusterError: TF-160, neither is there.
        """
        return cls(Login.of_context(context, namespace))

    @classmethod
    def of_file(cls, kubeconfig: str, namespace: str, name: str) -> Self:
        """The cluster of this computer that wrote the file."""
        return cls(Login.of_file(kubeconfig, namespace, name))

    def close(self) -> None:
        self._closed = True
        self._threads.shutdown(wait=True, cancel_futures=True)
        self.login.close()

    @functools.cached_property
    def user(self) -> str:
        """Who we are, as the server says from 1.28 on, else the kubeconfig; empty in a pocket cluster."""
        if self.login.local:
            return ""
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        try:
            said = self.create("/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
        except Refused:
            return self.login.user
        return str(((said.get("status") or {}).get("userInfo") or {}).get("username") or self.login.user)

    @property
    def where(self) -> str:
        """Context and namespace, as a person should see them before something changes there."""
        return self.context if self.login.local else f"{self.context}, namespace {self.namespace}"

    def get(self, kind: str, name: str, *, namespace: str = "") -> Document | None:
        """One object, of this namespace unless another is given; None when there is none."""
        answer = self._ask("GET", self._path(kind, name, namespace), missing=True)
        return None if answer is None else self._document(answer)

    def objects(self, kind: str, *, label: str = "", namespace: str = "") -> list[Document]:
        """All objects with a label, ``name=value``, of this namespace unless another is given."""
        found: list[Document] = []
        asked = {"limit": str(PAGE), **({"labelSelector": label} if label else {})}
        while True:
            try:
                page = self._document(self._ask("GET", self._path(kind, "", namespace), asked))
            except Refused as error:
                if error.status != 410 or "continue" not in asked:
                    raise
                # The server forgot where the pages stood: begin again.
                found.clear()
                del asked["continue"]
                continue
            found += ({"kind": kind, **each} for each in page.get("items") or ())
            following = page.get("metadata", {}).get("continue")
            if not following:
                return found
            asked["continue"] = following

    def apply(self, document: Document, *, dry: bool = False) -> Document:
        """Server-side apply: what the document says becomes ours, everything else stays as it is.

        Args:
            dry: Only see whether the server would take it.
        """
        return self._write("PATCH", document, "application/apply-patch+yaml", {"force": "true"}, dry=dry)

    def replace(self, document: Document, *, dry: bool = False) -> Document:
        """Make an object exactly that; it has to hold the version that was read."""
        return self._write("PUT", document, "application/json", {}, dry=dry)

    def _write(self, method: str, document: Document, content: str, asked: Mapping[str, str], *, dry: bool) -> Document:
        path = self._path(document["kind"], document["metadata"]["name"])
        asked = {"fieldManager": PUSH, **asked, **({"dryRun": "All"} if dry else {})}
        return self._document(self._ask(method, path, asked, body=document, content=content))

    def delete(self, kind: str, name: str) -> bool:
        """Delete an object; False when it was gone already."""
        asked = {"propagationPolicy": "Background"}
        return self._ask("DELETE", self._path(kind, name), asked, missing=True) is not None

    def create(self, path: str, document: Document) -> Document:
        """Ask for something that is answered and not kept: a token, or what one may do."""
        return self._document(self._ask("POST", path, body=document))

    def request(
        self, method: str, path: str, body: Document | None = None, *, content: str = "application/json"
    ) -> Document | None:
        """Whatever else is asked of a cluster, by its path; None when it is not there."""
        answer = self._ask(method, path, body=body, content=content, missing=True)
        return None if answer is None else self._document(answer)

    def log(self, pod: str, lines: int, *, container: str = "") -> str:
        """The last lines that a pod wrote, or a container of it that is named."""
        asked = {"tailLines": str(lines), **({"container": container} if container else {})}
        return self._ask("GET", f"{self._path('Pod', pod)}/log", asked, missing=True) or ""

    def many(self, works: Iterable[Callable[[], Any]], done: Callable[[int], None] = lambda count: None) -> list[Any]:
        """Do several things at once; the first that fails ends all that have not begun.

        Args:
            works: What to do; the results come in this order.
            done: Called now and then with how many are done.
        """
        self._refuse_closed()
        futures = [self._threads.submit(work) for work in works]
        try:
            waiting = set(futures)
            while waiting:
                finished, waiting = wait(waiting, timeout=0.1, return_when=FIRST_EXCEPTION)
                for each in finished:
                    each.result()
                done(len(futures) - len(waiting))
        except BaseException:
            for each in futures:
                each.cancel()
            raise
        return [each.result() for each in futures]

    def _path(self, kind: str, name: str = "", namespace: str = "") -> str:
        root, plural = KINDS[kind]
        place = "" if kind == "Namespace" else f"/namespaces/{namespace or self.namespace}"
        return f"/{root}{place}/{plural}" + (f"/{name}" if name else "")

    def _ask(
        self,
        method: str,
        path: str,
        asked: Mapping[str, str] | None = None,
        *,
        body: Document | None = None,
        content: str = "application/json",
        missing: bool = False,
    ) -> str | None:
        """The text of an answer; None for what is not there, if that may be."""
        self._refuse_closed()
        trouble: ClusterError | None = None
        for delay in _delays():
            time.sleep(delay)
            try:
                answer = self.login.ask(method, path, asked, body=body, content=content, connect=CONNECT, read=READ)
            except ClusterError as error:
                trouble = error
                continue
            text = answer.data.decode("utf-8", "replace")
            if answer.status < 300:
                return text
            if missing and answer.status == 404 and is_about_an_object(text):
                return None
            trouble = refused(self.context, answer.status, text, path, namespace=self.namespace)
            if answer.status not in (429, 502, 503, 504):
                break
        assert trouble is not None  # a request is tried once at least
        raise trouble

    def _document(self, text: str | None) -> Document:
        try:
            document = json.loads(text or "")
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise not_kubernetes(self.host, text or "")
        return document

    def _refuse_closed(self) -> None:
        if self._closed:
            raise closed()


def _delays() -> Iterator[float]:
    yield 0.0
    for attempt in range(TRIES - 1):
        yield 0.1 * 4**attempt
