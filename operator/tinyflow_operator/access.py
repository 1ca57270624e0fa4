"""Access: where a Kubernetes API is, and who we are to it. Only this file knows the official client, which reads it."""

from __future__ import annotations

import functools
import os
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.rpc.login import Configuration, headers_of, proxy_of, server_name_of, tls_of

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")  # where a pod finds who it is
POCKET = "TINYFLOW_POCKET"  # the variable that tells a pocket's operator the address of its API
TOKEN_AGE = 10.0  # seconds until a pod's token is read again; kubelets change it every hour or so


class InPod:
    """What a pod knows of its cluster. The official client would tell the same, and takes 40 MiB of memory for it.

    Raises:
        OSError: We are in no pod, or in one without a token.
    """

    def __init__(self) -> None:
        self.cert_file: str | None = None
        self.key_file: str | None = None
        self.proxy: str | None = None  # the API is a Service of the very cluster
        self.verify_ssl = True
        name, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
        self.host = f"https://[{name}]:{port}" if ":" in name else f"https://{name}:{port}"
        self.ssl_ca_cert: str | None = str(ACCOUNT / "ca.crt")
        self._token, self._read = "", -TOKEN_AGE
        if not Path(self.ssl_ca_cert or "").read_text().strip():
            raise OSError(f"{self.ssl_ca_cert} is empty")
        self.auth_settings()

    def auth_settings(self) -> Any:
        if time.monotonic() >= self._read + TOKEN_AGE:
            self._token, self._read = (ACCOUNT / "token").read_text().strip(), time.monotonic()
        if not self._token:
            raise OSError(f"{ACCOUNT / 'token'} is empty")
        return {"token": {"in": "header", "key": "authorization", "value": f"Bearer {self._token}"}}


class InPocket:
    """A pocket cluster's API, whose address is the login too.

    Nobody waits here for the official client, which takes longer to be imported than the whole cluster to start.
    """

    def __init__(self, address: str) -> None:
        self.host = address
        self.ssl_ca_cert: str | None = None
        self.cert_file: str | None = None
        self.key_file: str | None = None
        self.proxy: str | None = None  # it is on this computer
        self.verify_ssl = True

    def auth_settings(self) -> Any:
        return {}


def of_this_machine(context: str | None = None) -> tuple[Configuration, Callable[[], Configuration]]:
    """The kubeconfig's current context, and what reads it anew; inside a pod without one, the pod's cluster.

    A pocket's operator has that pocket.

    Raises:
        ClusterError: TF-160, neither is there.
    """
    if address := os.environ.get(POCKET):
        return InPocket(address), functools.partial(InPocket, address)
    file = os.environ.get("KUBECONFIG")
    in_pod = os.environ.get("KUBERNETES_SERVICE_HOST") and not file
    read: Callable[[], Configuration] = InPod if in_pod else _of_kubeconfig(file, context)
    try:
        return read(), read
    except (OSError, yaml.YAMLError, ValueError, TypeError, KeyError) as error:
        # No file, or one that is no YAML, no text, no mapping: the official client lets all of that through.
        what = f"No cluster is configured: {str(error).rstrip('.')}."
        raise ClusterError("TF-160", what, "Set KUBECONFIG.") from error


def _of_kubeconfig(file: str | None, context: str | None) -> Callable[[], Configuration]:
    def read() -> Configuration:
        from kubernetes import client, config  # a pod needs none of it

        configuration: Configuration = client.Configuration()
        try:
            config.load_kube_config(file, context=context, client_configuration=configuration, persist_config=False)
        except config.ConfigException as error:
            raise ValueError(str(error)) from error
        return configuration

    return read


class Access:
    """How one API is reached.

    Args:
        configuration: What was read from a kubeconfig or from a pod's service account.
        reread: Reads it anew: a login that is refused may have been changed meanwhile.
    """

    def __init__(self, configuration: Configuration, reread: Callable[[], Configuration] | None = None) -> None:
        self._configuration, self._reread = configuration, reread
        self._ssl: ssl.SSLContext | None = None
        self._shown = b""  # the certificate of ours that it was made with

    @property
    def host(self) -> str:
        """The base of every URL."""
        return str(self._configuration.host)

    @property
    def login(self) -> dict[str, str]:
        """Headers. Asked anew each time: tokens of pods and of login programs expire."""
        return headers_of(self._configuration)

    @property
    def way(self) -> dict[str, Any]:  # options of aiohttp's request
        """How the connection is made: certificates, the name the server has to prove, and the proxy between."""
        if self._ssl is None:
            self._ssl = self._verify()
        name = server_name_of(self._configuration)
        return {"ssl": self._ssl, "proxy": proxy_of(self._configuration), "server_hostname": name}

    def renew(self) -> bool:
        """Read everything anew; whether anything differs."""
        if self._reread is None:
            return False
        login = self.login
        self._configuration = self._reread()
        if self._ssl is not None and self._certificate() != self._shown:
            self._ssl = None
            return True
        return self.login != login

    def _verify(self) -> ssl.SSLContext:
        self._shown = self._certificate()
        return tls_of(self._configuration)

    def _certificate(self) -> bytes:
        file = self._configuration.cert_file
        if not file:
            return b""
        with open(file, "rb") as certificate:
            return certificate.read()
