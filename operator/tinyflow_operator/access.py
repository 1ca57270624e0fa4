"""Access: where a Kubernetes API is, and who we are to it. Only this file knows the official client, which reads it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # not in the stubs

import yaml
from kubernetes import client as official
from kubernetes import config as credentials
from tinyflow_runtime.errors import ClusterError

Configuration = official.Configuration


def of_this_machine(context: str | None = None) -> tuple[Configuration, Callable[[], Configuration]]:
    """The kubeconfig's current context, and what reads it anew; inside a pod without one, the pod's cluster.

    Raises:
        ClusterError: TF-160, neither is there.
    """
    # Looked up here, for the official client looks only once, when it is imported.
    file = os.environ.get("KUBECONFIG")

    def read() -> Configuration:
        configuration = Configuration()
        if os.environ.get("KUBERNETES_SERVICE_HOST") and not file:
            credentials.load_incluster_config(client_configuration=configuration)
        else:
            credentials.load_kube_config(
                file, context=context, client_configuration=configuration, persist_config=False
            )
        return configuration

    try:
        return read(), read
    except (credentials.ConfigException, OSError, yaml.YAMLError, ValueError, TypeError, KeyError) as error:
        # No file, or one that is no YAML, no text, no mapping: the official client lets all of that through.
        what = f"No cluster is configured: {str(error).rstrip('.')}."
        raise ClusterError("TF-160", what, "Set KUBECONFIG.") from error


class Access:
    """How one API is reached.

    Args:
        configuration: What the official client read from a kubeconfig or from a pod's service account.
        reread: Reads it anew: a login that is refused may have been changed meanwhile.
    """

    def __init__(self, configuration: Configuration, reread: Callable[[], Configuration] | None = None) -> None:
        self._configuration, self._reread = configuration, reread
        self._ssl: ssl.SSLContext | None = None

    @property
    def host(self) -> str:
        """The base of every URL."""
        return str(self._configuration.host)

    @property
    def login(self) -> dict[str, str]:
        """Headers. Asked anew each time: tokens of pods and of login programs expire."""
        logins: Mapping[str, Any] = self._configuration.auth_settings()  # the official client's
        return {login["key"]: login["value"] for login in logins.values() if login["in"] == "header" and login["value"]}

    @property
    def way(self) -> dict[str, Any]:  # options of aiohttp's request
        """How the connection is made: certificates, the name the server has to prove, and the proxy between."""
        if self._ssl is None:
            self._ssl = self._verify()
        name = getattr(self._configuration, "tls_server_name", None)
        return {"ssl": self._ssl, "proxy": self._proxy(), "server_hostname": name}

    def renew(self) -> bool:
        """Read everything anew; whether anything differs."""
        if self._reread is None:
            return False
        old, before = self.login, self._certificate()
        self._configuration = self._reread()
        if self._certificate() != before:
            self._ssl = None
        return self._ssl is None or self.login != old

    def _verify(self) -> ssl.SSLContext:
        verify = ssl.create_default_context(cafile=self._configuration.ssl_ca_cert)
        if self._configuration.cert_file:
            verify.load_cert_chain(self._configuration.cert_file, self._configuration.key_file)
        if not self._configuration.verify_ssl:
            verify.check_hostname, verify.verify_mode = False, ssl.CERT_NONE
        return verify

    def _certificate(self) -> bytes:
        file = self._configuration.cert_file
        if not file:
            return b""
        with open(file, "rb") as certificate:
            return certificate.read()

    def _proxy(self) -> str | None:
        """The one of the kubeconfig, else of the environment, unless the server is among those that need none."""
        proxy = self._configuration.proxy
        without = getattr(self._configuration, "no_proxy", None) or ""
        at = urlsplit(self.host)
        if not proxy or proxy_bypass_environment(at.netloc, {"no": without}):
            return None
        return str(proxy)
