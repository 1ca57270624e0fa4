"""The kubeconfig: where a cluster is and how one logs in there, as the official client reads it."""

from __future__ import annotations

import json
import os
import re
import ssl
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Self
from urllib.parse import urlencode

import urllib3
import yaml
from tinyflow_runtime import place
from tinyflow_runtime.errors import ClusterError, did_you_mean
from tinyflow_runtime.resources.documents import Document
from tinyflow_runtime.rpc.login import headers_of, proxy_of, server_name_of, tls_of

from .refusals import first_line, unreachable

if TYPE_CHECKING:  # it takes two seconds to be imported, and who has a pocket cluster needs none of it
    from kubernetes import client as official

_is_namespace = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?").fullmatch
DEFAULT = "~/.kube/config"
CONNECTIONS = 12  # kept open to a server


class Login:
    """A server, and how one logs in there.

    Attributes:
        user: What the kubeconfig calls who logs in.
        local: Whether it is a pocket cluster of this computer, which one person uses.
        host: Its URL.
        namespace: The context's own.
        context: What a person calls the cluster.
        pool: Connections to it.

    Args:
        configuration: What the official client read, or what is asked of it here.
    """

    user, local = "", False

    def __init__(
        self,
        configuration: official.Configuration | SimpleNamespace,
        pool: urllib3.PoolManager,
        namespace: str,
        context: str,
    ) -> None:
        if not configuration.verify_ssl:  # the kubeconfig says so; once would be enough to be told, and it is each time
            warnings.filterwarnings("ignore", category=urllib3.exceptions.InsecureRequestWarning)
        self.namespace, self.context = namespace, context
        self.host: str = configuration.host.rstrip("/")
        self._configuration, self.pool = configuration, pool

    @classmethod
    def of_context(cls, context: str | None, namespace: str | None) -> Self:
        """A context of the kubeconfig; inside a pod without one, the pod's cluster.

        Raises:
            ClusterError: TF-106, no namespace can be called that. TF-160, neither is there.
        """
        if namespace and not _is_namespace(namespace):
            way_out = "Use small letters, digits and '-'; 63 at most."
            raise ClusterError("TF-106", f"{namespace!r} is no name for a namespace.", way_out, where=place.caller())
        from kubernetes import client as official
        from kubernetes import config as credentials

        # What the official client lets through of a file that is no kubeconfig: no YAML, no text, no mapping.
        unreadable = (credentials.ConfigException, OSError, yaml.YAMLError, ValueError, TypeError, KeyError)
        configuration = official.Configuration()
        file = os.environ.get("KUBECONFIG")  # the official client looks only once, when it is imported
        files = file or DEFAULT
        if os.environ.get("KUBERNETES_SERVICE_HOST") and not file and context is None:
            try:
                credentials.load_incluster_config(client_configuration=configuration)
            except credentials.ConfigException as error:
                what = f"This pod may not talk to its cluster: {error}."
                raise ClusterError("TF-160", what, "Give it a service account.", where=place.caller()) from None
            return cls(configuration, _pool(configuration), namespace or _namespace_of_pod(), "in-cluster")
        try:
            contexts, current = _contexts(files, context)
        except unreadable as error:
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
            credentials.load_kube_config(
                files, context=chosen, client_configuration=configuration, persist_config=False
            )
        except unreadable as error:
            what = f"The context {chosen!r} cannot be used: {first_line(error)}"
            raise ClusterError("TF-160", what, "Mend the kubeconfig.", where=place.caller()) from None
        place_of = namespace or named[chosen].get("namespace") or "default"
        login = cls(configuration, _pool(configuration), place_of, chosen)
        login.user = str(named[chosen].get("user") or "")
        return login

    @classmethod
    def of_file(cls, kubeconfig: str, namespace: str, name: str) -> Self:
        """The cluster of this computer that wrote the file; its address is the login too."""
        said = json.loads(Path(kubeconfig).read_text(encoding="utf-8"))
        nothing = dict.fromkeys(("ssl_ca_cert", "cert_file", "key_file", "proxy"))  # whatever is said of others
        host = said["clusters"][0]["cluster"]["server"]
        here = SimpleNamespace(host=host, verify_ssl=True, auth_settings=dict, **nothing)
        login = cls(here, urllib3.PoolManager(maxsize=CONNECTIONS), namespace, name)
        login.local = True
        return login

    def headers(self) -> dict[str, str]:
        """What is sent along. Asked anew each time: tokens of pods and of login programs expire."""
        return headers_of(self._configuration)

    def ask(
        self,
        method: str,
        path: str,
        asked: Mapping[str, str] | None = None,
        *,
        body: Document | None = None,
        content: str = "application/json",
        connect: float,
        read: float,
    ) -> urllib3.BaseHTTPResponse:
        """What the server answers, whatever that is.

        Args:
            connect: Seconds for a connection.
            read: Seconds for each part of the answer.

        Raises:
            ClusterError: TF-162, it cannot be reached.
        """
        try:
            return self.pool.request(
                method,
                self.host + path + (f"?{urlencode(asked)}" if asked else ""),
                body=None if body is None else json.dumps(body).encode(),
                headers={"Content-Type": content, "Accept": "application/json", **self.headers()},
                timeout=urllib3.Timeout(connect=connect, read=read),
                retries=False,
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise unreachable(self.context, self.host, error) from error

    def tls(self) -> ssl.SSLContext:
        """How the server proves who it is, and we with a certificate, for connections that the pool does not make."""
        return tls_of(self._configuration)

    @property
    def server_name(self) -> str | None:
        """What the server's certificate is for, where the kubeconfig says that it is another name."""
        return server_name_of(self._configuration)

    @property
    def proxy(self) -> str | None:
        """Through which the server is reached; None where the surroundings say that it needs none."""
        return proxy_of(self._configuration)

    def close(self) -> None:
        self.pool.clear()


def _pool(configuration: official.Configuration) -> urllib3.PoolManager:
    """What the official client makes of it."""
    from kubernetes import client

    configuration.connection_pool_maxsize = CONNECTIONS
    pool: urllib3.PoolManager = client.ApiClient(configuration).rest_client.pool_manager
    return pool


def _contexts(files: str, context: str | None) -> tuple[list[Document], Document]:
    """All contexts of a kubeconfig and its current one. Whoever names one needs no current one."""
    from kubernetes import config as credentials
    from kubernetes.config import kube_config

    if context is None:
        contexts, current = credentials.list_kube_config_contexts(files)
        return contexts, current
    merged = kube_config.KubeConfigMerger(files).config
    if merged is None:
        raise credentials.ConfigException("there is no kubeconfig.")
    return [each.value for each in merged["contexts"]], {}


def _namespace_of_pod() -> str:
    try:
        with open("/var/run/secrets/kubernetes.io/serviceaccount/namespace", encoding="utf-8") as file:
            return file.read().strip() or "default"
    except OSError:
        return "default"
