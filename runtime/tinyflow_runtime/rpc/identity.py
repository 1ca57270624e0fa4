"""Identities: who a certificate is made out to, and what each may ask of a module server.

A certificate names its holder twice: by a URI, which the holder is known by, and by a host name made of the same words,
for that is what clients of TLS compare. Where a holder listens plays no part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tinyflow_runtime.errors import ModuleUnavailable
from tinyflow_runtime.rpc.gateway import EDITS, VIEWS
from tinyflow_runtime.rpc.methods import METHODS

__all__ = ["GATEWAY", "OPERATOR", "REFUSED", "Identity", "identity_of", "module_identity", "permit", "permit_as"]

DOMAIN = "tinyflow.dev"
_LABEL = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_URI = re.compile(f"spiffe://{re.escape(DOMAIN)}/(?:ns/({_LABEL})/module/({_LABEL})|(operator|gateway))")


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a certificate is for.

    Attributes:
        role: ``"module"``, ``"operator"`` or ``"gateway"``.
        namespace: Of a module.
        name: Of a module.
    """

    role: str
    namespace: str = ""
    name: str = ""

    @property
    def uri(self) -> str:
        """The URI in its certificate, as SPIFFE has them."""
        return (
            f"spiffe://{DOMAIN}/ns/{self.namespace}/module/{self.name}"
            if self.name
            else f"spiffe://{DOMAIN}/{self.role}"
        )

    @property
    def host(self) -> str:
        """The host name in its certificate; no other identity has the same."""
        return f"{self.name}.module.{self.namespace}.ns.{DOMAIN}" if self.name else f"{self.role}.{DOMAIN}"

    def __str__(self) -> str:
        return f"module {self.name!r} of namespace {self.namespace!r}" if self.name else f"the {self.role}"


OPERATOR, GATEWAY = Identity("operator"), Identity("gateway")


def module_identity(namespace: str, name: str) -> Identity:
    """That of a module."""
    return Identity("module", namespace, name)


def identity_of(uris: Iterable[str]) -> Identity | None:
    """Whom the URIs of a certificate name; None when that is nobody, or more than one."""
    found = [_URI.fullmatch(uri) for uri in uris]
    if len(found) != 1 or found[0] is None:
        return None
    namespace, name, role = found[0].groups()
    return Identity(role) if role else Identity("module", namespace, name)


REFUSED = {"TF-153": "UNAUTHENTICATED", "TF-154": "PERMISSION_DENIED"}  # how gRPC says that a caller may not

# The gateway passes on what people ask who may look at a flow, or work with it; it never says what runs.
MAY = {"operator": METHODS.keys() - {"Deliver"}, "gateway": VIEWS | EDITS, "module": frozenset({"Deliver"})}


def permit(method: str, caller: Identity | None, us: Identity) -> Identity:
    """Whether a caller may call a method of ours; over which edges a module may deliver is judged edge by edge.

    Args:
        method: By its name on the wire.
        caller: As its certificate says; None when that names nobody.
        us: The module that is called.

    Raises:
        ModuleUnavailable: TF-153, it is nobody; TF-154, it may not.
    """
    if caller is None:
        what = f"The certificate of whoever called {method} of {us} names nobody that TinyFlow knows."
        raise ModuleUnavailable("TF-153", what, "Use one that the operator has issued.")
    if method not in MAY[caller.role]:
        raise _refusal(
            f"{caller} may not call {method} of {us}.", f"It may call {', '.join(sorted(MAY[caller.role]))}."
        )
    if caller.name and caller.namespace != us.namespace:
        raise _refusal(f"{caller} may not call {us}.", "The modules of a flow live in one namespace.")
    return caller


def permit_as(module: str, caller: Identity) -> None:
    """Whether a caller may deliver as a module.

    Raises:
        ModuleUnavailable: TF-154, it is another one.
    """
    if module != caller.name:
        raise _refusal(f"{caller} said to be module {module!r}.", "Each module uses a certificate of its own.")


def _refusal(what: str, way_out: str) -> ModuleUnavailable:
    return ModuleUnavailable("TF-154", f"{what[0].upper()}{what[1:]}", way_out)
