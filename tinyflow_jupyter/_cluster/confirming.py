"""Confirming: what a person has to repeat before something is changed that others rely on."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection

from tinyflow_runtime import place
from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.resources.labels import PRODUCTION

from .api import Api
from .plan import Other
from .refusals import Refused

SAYS_PROD = re.compile(r"(?<![a-z])prod(uction)?(?![a-z])", re.IGNORECASE)

Confirmed = str | Collection[str]


class Unconfirmed(ClusterError):
    """Somebody has to be asked to repeat a name.

    Attributes:
        name: What is to be repeated.
        first: What to do before, which leads to what to write then.
    """

    name = first = ""

    def written(self, line: str) -> Unconfirmed:
        """The same for whoever writes commands and no Python: with ``--confirm`` after this line."""
        command = f"{line} --confirm {shlex.quote(self.name)}"
        return _unconfirmed(self.code, self.what, self.name, self.first, command, where=self.where)


def words_of(confirm: Confirmed) -> set[str]:
    """What was repeated."""
    return {confirm} - {""} if isinstance(confirm, str) else set(confirm)


def refuse_production(api: Api, confirm: Confirmed, call: str) -> None:
    """Refuse to change what is production unless the namespace's name was repeated.

    Args:
        call: What to write instead, up to its arguments' end: ``"cluster.push(flow"``.

    Raises:
        ClusterError: TF-190.
    """
    if api.login.local or api.namespace in words_of(confirm):
        return
    why = _production(api)
    if why:
        what = f"Namespace {api.namespace!r} of {api.context} is production, {why}; nothing was changed."
        first, again = "Look at the plan first. Then say where", f'{call}, confirm="{api.namespace}")'
        raise _unconfirmed("TF-190", what, api.namespace, first, again, where=place.caller())


def refuse_others(there: Collection[Other], confirm: Confirmed, call: str) -> None:
    """Refuse to replace what somebody else has put there unless his name was repeated.

    Raises:
        ClusterError: TF-191.
    """
    for other in there:
        if other.who not in words_of(confirm):
            what = f"{other.what[0].upper()}{other.what[1:]}; nothing was changed."
            again = f'{call}, confirm="{other.who}")'
            raise _unconfirmed("TF-191", what, other.who, f"{other.instead}, and say", again, where=place.caller())


def _unconfirmed(code: str, what: str, name: str, first: str, again: str, *, where: str) -> Unconfirmed:
    error = Unconfirmed(code, what, f"{first}: {again}.", where=where)
    error.name, error.first = name, first
    return error


def _production(api: Api) -> str:
    """Why it counts as production; empty when it does not. The label has the last word."""
    try:
        labels = ((api.get("Namespace", api.namespace) or {}).get("metadata") or {}).get("labels") or {}
    except Refused:  # a right that few people need
        labels = {}
    said = labels.get(PRODUCTION)
    if said is not None:
        return f"its label {PRODUCTION} says so" if said == "true" else ""
    if SAYS_PROD.search(api.namespace):
        return "by its name"
    return f"by the name of the context {api.context!r}" if SAYS_PROD.search(api.context) else ""
