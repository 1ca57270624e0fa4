"""Tokens for a gateway: asked for when they are needed, and again before they expire."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.rpc.gateway import AUDIENCE, EDITOR, LIFE

from .api import Api
from .refusals import Refused

AT = 0.5  # of its life a token is renewed: who begins to watch with it has the rest


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and when another one is asked for, in seconds on the clock."""

    text: str
    renew: float


class Tokens:
    """Tokens of the two ServiceAccounts of a namespace. May be used from several threads.

    Args:
        clock: Seconds, only forward.
    """

    def __init__(self, api: Api, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._api, self._clock = api, clock
        self._lock = threading.Lock()
        self._tokens: dict[str, Token] = {}

    def of(self, account: str) -> str:
        """A token that is good for a while; asks the API server when there is none.

        Raises:
            ClusterError: TF-161, one may not have one, and which right would help; TF-162, the API server is away.
        """
        with self._lock:
            token = self._tokens.get(account)
            if token is None or self._clock() >= token.renew:
                token = self._tokens[account] = self._asked(account)
            return token.text

    def forget(self) -> None:
        """They are not taken: ask anew."""
        with self._lock:
            self._tokens.clear()

    def _asked(self, account: str) -> Token:
        namespace = self._api.namespace
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        asked = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": [AUDIENCE], "expirationSeconds": LIFE},
        }
        began = self._clock()
        try:
            status = self._api.create(path, asked)["status"]
        except Refused as error:
            if error.status == 403:
                raise _no_right(self._api, account) from None
            if error.status == 404:
                what = f"Namespace {namespace!r} has no ServiceAccount {account!r}, which the operator makes."
                none = Refused("TF-161", what, "Look whether the operator runs: tinyflow doctor.")
                none.status = 404
                raise none from None
            raise
        return Token(str(status["token"]), began + AT * LIFE)


def _no_right(api: Api, account: str) -> ClusterError:
    does = "send to flows, nor hold them" if account == EDITOR else "look at running flows"
    what = f"You may not {does} in namespace {api.namespace!r} of {api.context}."
    right = f"It takes the right to create serviceaccounts/token of {account!r}; the role {account!r} gives it."
    return ClusterError("TF-161", what, right, "Ask who runs the cluster for it.")
