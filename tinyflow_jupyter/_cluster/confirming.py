"""Confirming: what a person has to repeat before something is changed that others rely on."""

from __future__ import annotations

import re
from collections.abc import Collection

from tinyflow_runtime import place
from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.labels import PRODUCTION

from .api import Api
from .refusals import Refused

SAYS_PROD = re.compile(r"(?<![a-z])prod(uction)?(?![a-z])", re.IGNORECASE)

Confirmed = str | Collection[str]


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
        raise ClusterError(
            "TF-190",
            f"Namespace {api.namespace!r} of {api.context} is production, {why}; nothing was changed.",
            f'Look first: cluster.plan(flow). Then say where: {call}, confirm="{api.namespace}").',
            where=place.caller(),
        )


def refuse_others(there: Collection[tuple[str, str]], confirm: Confirmed, call: str) -> None:
    """Refuse to replace what somebody else has pushed unless his name was repeated.

    Args:
        there: Who, and what of his: ``("ada", "flow 'numbers'")``.

    Raises:
        ClusterError: TF-191.
    """
    for who, what in there:
        if who not in words_of(confirm):
            raise ClusterError(
                "TF-191",
                f"{what[0].upper()}{what[1:]}, which was pushed by {who}; nothing was changed.",
                f'Take another name or namespace; or agree with {who}, and say: {call}, confirm="{who}").',
                where=place.caller(),
            )


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
