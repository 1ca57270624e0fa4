"""What a notebook and the gateway of a cluster agree on: the words before a call, and which token lets which pass."""

from __future__ import annotations

from collections.abc import Mapping

AUDIENCE = "tinyflow-gateway"  # a token for anybody else is not taken, and this one is taken by nobody else
LIFE = 600  # seconds of a token; Kubernetes gives none for less
VIEWER, EDITOR = ACCOUNTS = ("tinyflow-viewer", "tinyflow-editor")  # ServiceAccounts of a namespace, without rights
# What else of module.proto there is never passes: it is the operator's, or another module's.
VIEWS = frozenset({"Describe", "Look", "Watch", "State", "DeadLetters"})
EDITS = frozenset({"Send", "Replay", "Discard", "Hold"})
REVIEWER = "system:auth-delegator"  # Kubernetes' role of who asks it whose token it is
NAMESPACE, MODULE, TOKEN = "tinyflow-namespace", "tinyflow-module", "authorization"  # metadata of every call


def account_for(method: str) -> str:
    """The ServiceAccount whose token lets a call pass: no more than it needs."""
    return EDITOR if method in EDITS else VIEWER


def words_for(token: str, namespace: str, module: str) -> tuple[tuple[str, str], ...]:
    """The metadata of a call."""
    return ((TOKEN, f"Bearer {token}"), (NAMESPACE, namespace), (MODULE, module))


def let_review(namespace: str, account: str) -> str:
    """The command by which who runs a cluster lets an account, the gateway's, ask whose token it was shown."""
    given = f"--clusterrole={REVIEWER} --serviceaccount={namespace}:{account}"
    return f"kubectl create clusterrolebinding {account}-{namespace} {given}"


def no_module(namespace: str, module: str) -> str:
    """What the gateway says of a module that is not there, to whoever may know it."""
    return f"There is no module {module!r} in namespace {namespace!r}."


def token_of(words: Mapping[str, str | bytes]) -> str:
    """The token in the metadata of a call; empty when there is none."""
    said = words.get(TOKEN, "")
    kind, _, token = said.partition(" ") if isinstance(said, str) else ("", "", "")
    return token.strip() if kind.lower() == "bearer" else ""
