"""An examination: all findings, in the order in which one thing needs another, as text, as a table and as data."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tinyflow_runtime import __version__

from tinyflow_jupyter._cluster.api import Api
from tinyflow_jupyter._cluster.kubeconfig import Login

from . import cluster, frontend, gateway, here, installed, rights
from .finding import Check, Finding, carry_out
from .picture import table, text
from .server import Server

SOON = 15.0  # seconds for a look at the cluster that asks it several times
LOGIN = 20.0  # seconds for a kubeconfig, which may run a program to log in


@dataclass(frozen=True, slots=True)
class Examination:
    """Everything that was found. It shows itself as text, and in a notebook as a table."""

    findings: tuple[Finding, ...]

    @property
    def well(self) -> bool:
        """Whether nothing is bad."""
        return all(finding.state != "bad" for finding in self.findings)

    def data(self) -> dict[str, Any]:
        """For programs: ``{"version", "well", "findings": [{"state", "about", "what", "fix"}]}``."""
        return {"version": __version__, "well": self.well, "findings": [asdict(each) for each in self.findings]}

    def __str__(self) -> str:
        return text(self.findings)

    def _repr_mimebundle_(self, **_: Any) -> Mapping[str, str]:
        return {"text/plain": str(self), "text/html": table(self.findings)}


def examine(context: str | None = None, namespace: str | None = None) -> Examination:
    """Look at everything. It ends within two minutes, whatever does not answer, and raises nothing.

    Args:
        context: Of the kubeconfig; its current one unless given.
        namespace: The context's own unless given.
    """
    found: list[Finding] = []

    def look() -> None:
        found.extend(of_cluster(context, namespace))

    beside = threading.Thread(target=look, name="tinyflow doctor cluster", daemon=True)
    beside.start()
    local = carry_out([*here.checks(), *frontend.checks()])
    beside.join()  # each of its steps has an end
    return Examination((*local, *found))


def of_cluster(context: str | None = None, namespace: str | None = None) -> list[Finding]:
    """The cluster, as far as one can look: what cannot be reached is not asked more."""
    none = cluster.no_cluster(context)
    if none is not None:
        return none
    logins: list[Login] = []

    def log_in() -> list[Finding]:
        login = Login.of_context(context, namespace)
        login.headers()  # here a program is run, if one logs in by one
        logins.append(login)
        return cluster.kubeconfig(login)

    found = carry_out([Check("kubeconfig", log_in, LOGIN, "kubectl config view")])
    if not logins:
        return found
    api = Api(logins[0])
    try:
        return found + _of(Server(api))
    finally:
        api.close()


def _of(server: Server) -> list[Finding]:
    answers = []

    def reach() -> list[Finding]:
        findings, answer = cluster.api_server(server)
        answers.append(answer)
        return findings

    found = carry_out([Check("API server", reach, SOON, "kubectl cluster-info")])
    answer = answers[0] if answers else None
    if answer is None:
        return found
    places = [Check("namespace", lambda: rights.namespace(server), SOON)]
    known = Check("definitions", lambda: cluster.definitions(server), SOON)
    clocks = Check("clock", lambda: cluster.clock(answer), SOON)
    policies = answer.document.get("minor", "").rstrip("+")
    if cluster.POCKET in str(answer.document.get("gitVersion", "")):
        said = Finding("ok", "operator", "a pocket cluster's own, which runs beside it on this computer")
        return [*found, *carry_out([clocks, known]), said]
    homes: list[installed.Home] = []

    def find() -> list[Finding]:
        homes.append(installed.home(server))
        return []

    found += carry_out([clocks, known, *places, Check("operator", find, SOON)])
    if not homes:
        return found
    home = homes[0]
    may = Check("rights", lambda: rights.rights(server, home, policies=int(policies or 0) >= 30), SOON)
    return found + carry_out(
        [
            Check("operator", lambda: installed.operator(server, home), SOON),
            may,
            Check("gateway", lambda: gateway.gateway(server, home), SOON),
            Check("images", lambda: installed.images(server, home), SOON),
        ]
    )
