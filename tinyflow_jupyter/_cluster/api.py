"""The Kubernetes API as a notebook uses it: the official client reads the credentials and holds the connections."""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any, Self
from urllib.parse import urlencode

import urllib3
import yaml
from kubernetes import client as official
from kubernetes import config as credentials
from kubernetes.config import kube_config
from tinyflow_runtime import place
from tinyflow_runtime.documents import Document
from tinyflow_runtime.errors import ClusterError, did_you_mean

from .refusals import Refused, closed, first_line, is_about_an_object, not_kubernetes, refused, unreachable

PUSH = "tinyflow-push"  # the field manager of everything that a person pushes
AT_ONCE = 8  # requests in flight: a server on two cores is busy with fewer, and a slow line needs more than one
PAGE = 500  # objects a list answers at once; more make the server slow for everybody
TRIES = 4  # of one request: every one of ours may be asked twice
# What the official client lets through of a file that is no kubeconfig: no YAML, no text, no mapping.
UNREADABLE = (credentials.ConfigException, OSError, yaml.YAMLError, ValueError, TypeError, KeyError)
CONNECT, READ = 5.0, 30.0  # seconds until a server counts as away

# kind -> where its API is, and its name there
KINDS = {
    "ConfigMap": ("api/v1", "configmaps"),
    "Pod": ("api/v1", "pods"),
    "TinyFlow": ("apis/tinyflow.dev/v1alpha1", "tinyflows"),
    "TinyModule": ("apis/tinyflow.dev/v1alpha1", "tinymodules"),
    "TinyNode": ("apis/tinyflow.dev/v1alpha1", "tinynodes"),
    "TinyProject": ("apis/tinyflow.dev/v1alpha1", "tinyprojects"),
}


class Api:
    """One namespace of one cluster. It may be used from several threads, and every wait can be interrupted.

    Args:
        configuration: What the official client read.
        namespace: Where everything is.
        context: What a person calls the cluster.
    """

    def __init__(self, configuration: official.Configuration, namespace: str, context: str) -> None:
        configuration.connection_pool_maxsize = AT_ONCE + 4
        if not configuration.verify_ssl:  # the kubeconfig says so; once would be enough to be told, and it is each time
            warnings.filterwarnings("ignore", category=urllib3.exceptions.InsecureRequestWarning)
        self.namespace, self.context = namespace, context
        self.host: str = configuration.host.rstrip("/")
        self._configuration = configuration
        self._client = official.ApiClient(configuration)
        self._threads = ThreadPoolExecutor(AT_ONCE, "tinyflow api")
        self._closed = False

    @classmethod
    def of_context(cls, context: str | None, namespace: str | None) -> Self:
        """A context of the kubeconfig; inside a pod without one, the pod's cluster.

        Raises:
            ClusterError: TF-160, neither is there.
        """
        configuration = official.Configuration()
        file = os.environ.get("KUBECONFIG")  # the official client looks only once, when it is imported
        if os.environ.get("KUBERNETES_SERVICE_HOST") and not file and context is None:
            try:
                credentials.load_incluster_config(client_configuration=configuration)
            except credentials.ConfigException as error:
                what = f"This pod may not talk to its cluster: {error}."
                raise ClusterError("TF-160", what, "Give it a service account.", where=place.caller()) from None
            return cls(configuration, namespace or _namespace_of_pod(), "in-cluster")
        try:
            contexts, current = _contexts(file, context)
        except UNREADABLE as error:
            raise ClusterError(
                "TF-160",
                f"No cluster is configured: {first_line(error)}",
                "Use tf.Cluster.local() for one on this computer, or set KUBECONFIG.",
                where=place.caller(),
            ) from None
        named = {each["name"]: each.get("context") or {} for each in contexts}
        chosen = context if context is not None else current["name"]
        if chosen not in named:
            raise ClusterError(
                "TF-160",
                f"The kubeconfig has no context {chosen!r}.",
                did_you_mean(chosen, named),
                f"Contexts: {', '.join(named) or 'none'}.",
                where=place.caller(),
            )
        try:
            credentials.load_kube_config(file, context=chosen, client_configuration=configuration, persist_config=False)
        except UNREADABLE as error:
            what = f"The context {chosen!r} cannot be used: {first_line(error)}"
            raise ClusterError("TF-160", what, "Mend the kubeconfig.", where=place.caller()) from None
        return cls(configuration, namespace or named[chosen].get("namespace") or "default", chosen)

    @classmethod
    def of_file(cls, kubeconfig: str, namespace: str, name: str) -> Self:
        """The cluster of this computer that wrote the file."""
        configuration = official.Configuration()
        credentials.load_kube_config(kubeconfig, client_configuration=configuration, persist_config=False)
        configuration.proxy = None  # it is on this computer, whatever the surroundings say of others
        return cls(configuration, namespace, name)

    def close(self) -> None:
        self._closed = True
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._client.rest_client.pool_manager.clear()

    def get(self, kind: str, name: str) -> Document | None:
        """One object; None when there is none."""
        answer = self._ask("GET", self._path(kind, name), missing=True)
        return None if answer is None else self._document(answer)

    def objects(self, kind: str, *, label: str = "") -> list[Document]:
        """All objects with a label, ``name=value``, in pages."""
        found: list[Document] = []
        asked = {"limit": str(PAGE), **({"labelSelector": label} if label else {})}
        while True:
            try:
                page = self._document(self._ask("GET", self._path(kind), asked))
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

    def apply(self, document: Document) -> Document:
        """Server-side apply: what the document says becomes ours, everything else stays as it is."""
        return self._write("PATCH", document, "application/apply-patch+yaml", {"force": "true"})

    def replace(self, document: Document) -> Document:
        """Make an object exactly that; it has to hold the version that was read."""
        return self._write("PUT", document, "application/json", {})

    def _write(self, method: str, document: Document, content: str, asked: Mapping[str, str]) -> Document:
        path = self._path(document["kind"], document["metadata"]["name"])
        asked = {"fieldManager": PUSH, **asked}
        return self._document(self._ask(method, path, asked, body=document, content=content))

    def delete(self, kind: str, name: str) -> bool:
        """Delete an object; False when it was gone already."""
        asked = {"propagationPolicy": "Background"}
        return self._ask("DELETE", self._path(kind, name), asked, missing=True) is not None

    def log(self, pod: str, lines: int) -> str:
        """The last lines that a pod wrote."""
        return self._ask("GET", f"{self._path('Pod', pod)}/log", {"tailLines": str(lines)}, missing=True) or ""

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

    def _path(self, kind: str, name: str = "") -> str:
        root, plural = KINDS[kind]
        return f"/{root}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

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
        data = None if body is None else json.dumps(body).encode()
        url = f"{self.host}{path}" + (f"?{urlencode(asked)}" if asked else "")
        trouble: ClusterError | None = None
        for delay in _delays():
            time.sleep(delay)
            try:
                answer = self._client.rest_client.pool_manager.request(
                    method,
                    url,
                    body=data,
                    headers={"Content-Type": content, "Accept": "application/json", **self._login()},
                    timeout=urllib3.Timeout(connect=CONNECT, read=READ),
                    retries=False,
                    redirect=False,
                )
            except urllib3.exceptions.HTTPError as error:
                trouble = unreachable(self.context, self.host, error)
                continue
            text = answer.data.decode("utf-8", "replace")
            if answer.status < 300:
                return text
            if missing and answer.status == 404 and is_about_an_object(text):
                return None
            trouble = refused(self.context, answer.status, text, path)
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

    def _login(self) -> dict[str, str]:
        # Asked anew each time: tokens of pods and of login programs expire.
        logins: Mapping[str, Any] = self._configuration.auth_settings()  # Any: the official client's
        return {each["key"]: each["value"] for each in logins.values() if each["in"] == "header" and each["value"]}


def _delays() -> Iterator[float]:
    yield 0.0
    for attempt in range(TRIES - 1):
        yield 0.1 * 4**attempt


def _contexts(file: str | None, context: str | None) -> tuple[list[Document], Document]:
    """All contexts of a kubeconfig and its current one. Whoever names one needs no current one."""
    if context is None:
        contexts, current = credentials.list_kube_config_contexts(file)
        return contexts, current
    merged = kube_config.KubeConfigMerger(file or kube_config.KUBE_CONFIG_DEFAULT_LOCATION).config
    if merged is None:
        raise credentials.ConfigException("there is no kubeconfig.")
    return [each.value for each in merged["contexts"]], {}


def _namespace_of_pod() -> str:
    try:
        with open("/var/run/secrets/kubernetes.io/serviceaccount/namespace", encoding="utf-8") as file:
            return file.read().strip() or "default"
    except OSError:
        return "default"
