"""A login: how an HTTPS API is reached, as its configuration says: headers, certificates, and the proxy between."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # not in the stubs


class Configuration(Protocol):
    """Where an API is, and who we are there; besides these, ``no_proxy`` and ``tls_server_name`` where it has them."""

    host: str
    ssl_ca_cert: str | None
    cert_file: str | None
    key_file: str | None
    verify_ssl: bool
    proxy: str | None

    def auth_settings(self) -> Any:  # Any: a mapping of mappings, of whoever read them
        """Logins, by name: ``{"in": "header", "key": …, "value": …}``."""


def headers_of(configuration: Configuration) -> dict[str, str]:
    """What is sent along. Asked anew each time: tokens of pods and of login programs expire."""
    logins: Mapping[str, Any] = configuration.auth_settings()
    return {login["key"]: login["value"] for login in logins.values() if login["in"] == "header" and login["value"]}


def tls_of(configuration: Configuration) -> ssl.SSLContext:
    """How the server proves who it is, and we with a certificate.

    Raises:
        OSError: A file is not there, or holds no certificate.
    """
    verify = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    if configuration.cert_file:
        verify.load_cert_chain(configuration.cert_file, configuration.key_file)
    if not configuration.verify_ssl:
        verify.check_hostname, verify.verify_mode = False, ssl.CERT_NONE
    return verify


def server_name_of(configuration: Configuration) -> str | None:
    """What the server's certificate is for, where that is another name than the address."""
    name: str | None = getattr(configuration, "tls_server_name", None)
    return name


def proxy_of(configuration: Configuration) -> str | None:
    """Through which the server is reached; None where it is among those that need none."""
    without = getattr(configuration, "no_proxy", None) or ""
    at = urlsplit(configuration.host).netloc
    if not configuration.proxy or proxy_bypass_environment(at, {"no": without}):
        return None
    return str(configuration.proxy)
