"""Passes: what somebody who calls the gateway may do, and in which namespace, as the cluster says of the token."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import re
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.rpc.gateway import AUDIENCE, EDITOR, EDITS, VIEWER, VIEWS, let_review

from tinyflow_operator.kinds import Kind
from tinyflow_operator.kube import Kube, Refused

REVIEWS = Kind("TokenReview", "tokenreviews", "authentication.k8s.io", "v1", namespaced=False)
CACHED = 10.0  # seconds for which an answer stands: so long a token may outlive its ServiceAccount
REFUSED = 2.0  # seconds for a no, which may be a mistake that was mended
KEPT = 10_000  # answers
LONGEST = 16_384  # letters of a token; those of Kubernetes have about a thousand
AT_ONCE = 8  # questions to the cluster: whoever makes up tokens takes no more of it than that
USER = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class Pass:
    """Who may call.

    Attributes:
        namespace: Of the flows.
        account: The ServiceAccount, which says how much may be done.
        until: When the token expires, in seconds since the epoch.
    """

    namespace: str
    account: str
    until: float

    def refuse(self, method: str, namespace: str) -> None:
        """Refuse what the pass is not for.

        Raises:
            ClusterError: TF-186.
        """
        if namespace != self.namespace:
            what = f"A token of namespace {self.namespace!r} opens nothing in namespace {namespace!r}."
            raise ClusterError("TF-186", what, "Ask for a token there: tf.Cluster(namespace=…) does.")
        if method in EDITS and self.account != EDITOR:
            what = f"{method} needs a token of {EDITOR!r}, and this is one of {self.account!r}, which may only look."
            raise ClusterError("TF-186", what, f"Ask for the right to create serviceaccounts/token of {EDITOR!r}.")


class Claims(msgspec.Struct):
    """What a token says of itself; believed only where it explains a no, and says when it expires."""

    aud: str | list[str] = []
    exp: float | None = None  # seconds since the epoch

    @property
    def audiences(self) -> list[str]:
        return [self.aud] if isinstance(self.aud, str) else self.aud


class Passes:
    """Asks the cluster about tokens, and remembers its answers for some seconds.

    Args:
        kube: Its login may create TokenReviews.
        clock: Seconds since the epoch.
    """

    def __init__(self, kube: Kube, *, clock: Callable[[], float] = time.time) -> None:
        self._kube, self._clock = kube, clock
        self._answers: OrderedDict[str, tuple[float, Pass | ClusterError]] = OrderedDict()
        self._asking: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def of(self, token: str) -> Pass:
        """What a token lets its holder do.

        Raises:
            ClusterError: TF-185, the token is not taken; TF-186, it is of somebody who has no business here; TF-161,
                TF-162, the cluster cannot be asked right now.
        """
        if not token:
            what = "The gateway was called without a token."
            raise ClusterError("TF-185", what, "Send the metadata authorization: Bearer TOKEN; tf.Cluster() does.")
        if len(token) > LONGEST:
            raise ClusterError("TF-185", "What the gateway was given is too long for a token.", "Ask for a new one.")
        claims = _claims(token)
        if claims is None:
            what = "What the gateway was given is no token of a ServiceAccount."
            raise ClusterError("TF-185", what, "Ask for a new one; tf.Cluster() does so by itself.")
        if AUDIENCE not in claims.audiences:  # by its own word: nobody need be asked
            raise _refusal(claims, "", self._clock())
        holder = hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
        lock = self._asking.setdefault(holder, asyncio.Lock())
        async with lock:  # who comes with the same token meanwhile waits for the answer
            until, answer = self._answers.get(holder, (0.0, None))
            if answer is None or until <= self._clock():
                answer = await self._asked(holder, token, claims)
        if isinstance(answer, ClusterError):
            raise ClusterError(answer.code, answer.what, *answer.way_out)
        return answer

    async def _asked(self, holder: str, token: str, claims: Claims) -> Pass | ClusterError:
        spec = {"token": token, "audiences": [AUDIENCE]}
        review = {"apiVersion": REVIEWS.api_version, "kind": REVIEWS.name, "spec": spec}
        async with self._at_once:
            try:
                said = (await self._kube.create(REVIEWS, "", review)).get("status") or {}
            except Refused as error:
                raise _may_not_ask(error) if error.status == 403 else error from None
        now = self._clock()
        answer: Pass | ClusterError
        if not said.get("authenticated"):
            answer = _refusal(claims, str(said.get("error", "")), now)
        elif AUDIENCE not in (said.get("audiences") or ()):  # a server that knows no audiences takes every token
            answer = _refusal(Claims(said.get("audiences") or ["the API server"], claims.exp), "", now)
        else:
            user = str((said.get("user") or {}).get("username", ""))
            namespace, _, account = user.removeprefix(USER).partition(":")
            until = now + CACHED if claims.exp is None else claims.exp
            if not user.startswith(USER) or account not in (VIEWER, EDITOR):
                what = f"{user!r} has no business at the gateway."
                answer = ClusterError("TF-186", what, f"Bring a token of ServiceAccount {VIEWER!r} or {EDITOR!r}.")
            else:
                answer = Pass(namespace, account, until)
        lasts = min(now + CACHED, answer.until) if isinstance(answer, Pass) else now + REFUSED
        self._answers[holder] = (lasts, answer)
        self._answers.move_to_end(holder)
        while len(self._answers) > KEPT:
            self._answers.popitem(last=False)
        return answer


def refuse_always(method: str) -> None:
    """Refuse what nobody may call from outside, whatever the token.

    Raises:
        ClusterError: TF-186.
    """
    if method not in VIEWS | EDITS:
        what = f"{method} does not pass the gateway: only the operator, or another module, calls it."
        raise ClusterError("TF-186", what, "Change the flow instead: cluster.push(flow).")


def _may_not_ask(error: Refused) -> ClusterError:
    """Without this right, which a gateway of one namespace has to be given, it can let nobody pass."""
    who = re.search(rf'"{USER}([^:"]+):([^:"]+)"', error.what)  # the cluster knows best as whom we came
    command = let_review(who[1], who[2]) if who else "kubectl create clusterrolebinding"
    what = "The gateway lets nobody pass: it may not ask the cluster whose token it was shown (tokenreviews)."
    return ClusterError("TF-161", what, f"Who runs the cluster says once: {command}")


def _refusal(claims: Claims, said: str, now: float) -> ClusterError:
    """Why a token is not taken, in words; the cluster itself says little."""
    over = 0.0 if claims.exp is None else now - claims.exp
    if over > 0:
        what = f"The token expired {over:.0f} s ago."
    elif AUDIENCE not in claims.audiences:
        what = f"The token is for {', '.join(claims.audiences) or 'nobody'}, not for {AUDIENCE}."
    else:
        told = f" ({said[:200]})" if said else ""
        what = f"The cluster does not take the token{told}; its ServiceAccount may have been deleted."
    return ClusterError("TF-185", what, "Ask for a new one; tf.Cluster() does so by itself.")


def _claims(token: str) -> Claims | None:
    """None when it is no token of Kubernetes: the middle of three parts is a JSON object of these types."""
    try:
        _, middle, _ = token.split(".")
        return msgspec.json.decode(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)), type=Claims)
    except (ValueError, binascii.Error, msgspec.DecodeError, OverflowError, RecursionError):
        return None
