"""A Kubernetes API over plain HTTP. No other file knows how."""

from __future__ import annotations

import asyncio
import collections
import io
import json
import random
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
import msgspec
from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.rpc.login import Configuration

from tinyflow_operator.access import Access, of_this_machine
from tinyflow_operator.deep import decode
from tinyflow_operator.kinds import Document, Kind

PAGE = 500  # objects a list answers at once; more make the server slow for everybody
WATCH_SECONDS = 300  # the server ends a watch after that; a connection that died unseen is found out by SILENCE
SILENCE = 70.0  # seconds; servers send a bookmark each minute
GOODBYE = (
    0.05  # seconds in which TLS connections that were left in the middle close; the session awaits only the others
)
ATTEMPTS = 5  # at a request that a busy server turns away; the last answer stands
LONGEST_WAIT = 10.0  # seconds to wait before the next, whatever a server asks for
LARGE = 1_000_000  # bytes; what is larger is sent in pieces, so that the loop is not held up


class Gone(Exception):
    """The server no longer knows the version a watch or a list wants to go on from; list again."""


class Kube:
    """One cluster's API, on one event loop. An ``async with`` closes its connections.

    Attributes:
        counts: Requests by method and what came of them, for metrics: ``("GET", "200")``, ``("PATCH", "broken")``.

        guard: Called before each request; what it raises stops the request, and is told instead of its answer.

    Args:
        configuration: What the official client read from a kubeconfig or from a pod's service account.
        reread: Reads it anew: a login that is refused may have been changed meanwhile.
    """

    def __init__(self, configuration: Configuration, reread: Callable[[], Configuration] | None = None) -> None:
        self.counts: collections.Counter[tuple[str, str]] = collections.Counter()
        self.guard: Callable[[], None] = lambda: None
        self._access = Access(configuration, reread)
        self._session: aiohttp.ClientSession | None = None
        self._left = False  # a request in the middle

    @classmethod
    def of_this_machine(cls, context: str | None = None) -> Self:
        """The kubeconfig's current context; inside a pod without one, the pod's cluster.

        Raises:
            ClusterError: Neither is there.
        """
        return cls(*of_this_machine(context))

    async def __aenter__(self) -> Self:
        _ = self._access.way  # reads the certificates now: it takes a while, and a request should not
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session:
            await self._session.close()
        if self._left:
            await asyncio.sleep(GOODBYE)

    async def get(self, kind: Kind, namespace: str, name: str) -> Document | None:
        """One object, or None when there is none."""
        found: Document | None = await self._ask("GET", kind.path(namespace, name), missing=None)
        return found

    async def list(self, kind: Kind, namespace: str = "", *, selector: str = "") -> tuple[list[Document], str]:
        """All objects of a kind, or those whose labels fit, and the version to watch from."""
        items: list[Document] = []
        asked = {"limit": str(PAGE), **({"labelSelector": selector} if selector else {})}
        while True:
            page = await self._ask("GET", kind.path(namespace), asked)
            # Servers leave out of a list what all of it has in common; one read from a watch has it.
            items += [{"apiVersion": kind.api_version, "kind": kind.name, **item} for item in page["items"]]
            if not page["metadata"].get("continue"):
                return items, str(page["metadata"]["resourceVersion"])
            asked["continue"] = page["metadata"]["continue"]

    async def watch(
        self, kind: Kind, namespace: str, version: str, *, selector: str = "", seconds: float = WATCH_SECONDS
    ) -> AsyncIterator[tuple[str, Document]]:
        """What happens after a version: ``("ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK", object)``.

        Ends when the server ends it; watch again from the last object's version.

        Args:
            seconds: After which the server is to end it.

        Raises:
            Gone: The version is too old.
            ClusterError: The connection broke, or was silent for too long.
        """
        asked = {"watch": "1", "allowWatchBookmarks": "true", "resourceVersion": version}
        asked |= {"timeoutSeconds": str(max(round(seconds), 1)), **({"labelSelector": selector} if selector else {})}
        silence = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=SILENCE)
        try:
            async with self._request("GET", kind.path(namespace), asked, timeout=silence) as answer:
                self.counts["WATCH", str(answer.status)] += 1
                self._again(answer)  # a new login, perhaps, for the next time
                await _refuse(answer)
                # Not `async for line`: aiohttp's lines end at 64 KiB, an object may be 1.5 MB.
                rest = b""
                async for chunk in answer.content.iter_any():
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        yield _event(line)
        except (aiohttp.ClientError, OSError) as error:
            self.counts["WATCH", "broken"] += 1
            raise _unreachable(self._access.host, error) from error
        except (asyncio.CancelledError, GeneratorExit):
            self._left = True
            raise

    async def version(self) -> tuple[int, int]:
        """The server's, as in ``(1, 34)``."""
        said = await self._ask("GET", "/version")
        return int(said["major"]), int(said["minor"].rstrip("+"))  # clouds add a plus

    async def create(self, kind: Kind, namespace: str, document: Document) -> Document:
        created: Document = await self._ask("POST", kind.path(namespace), body=document)
        return created

    async def apply(
        self, kind: Kind, document: Document, manager: str, *, part: str = "", force: bool = True
    ) -> Document:
        """Server-side apply: the fields of the document become this manager's, others stay as they are.

        Args:
            part: ``"status"`` to apply the status alone.
            force: Also take over fields that are somebody else's; else that is refused with 409.
        """
        metadata = document["metadata"]
        path = kind.path(metadata.get("namespace", ""), metadata["name"], part)
        whole = {"apiVersion": kind.api_version, "kind": kind.name, **document}
        content = "application/apply-patch+yaml"
        asked = {"fieldManager": manager, "force": str(force).lower()}
        applied: Document = await self._ask("PATCH", path, asked, body=whole, content=content)
        return applied

    async def replace(self, kind: Kind, namespace: str, document: Document) -> Document:
        """Put an object in the place of the version that it was read as; one that changed since is a conflict (409)."""
        name = document["metadata"]["name"]
        replaced: Document = await self._ask("PUT", kind.path(namespace, name), body=document)
        return replaced

    async def delete(self, kind: Kind, namespace: str, name: str) -> None:
        """Delete an object; one that is gone already is no error."""
        await self._ask("DELETE", kind.path(namespace, name), missing=None)

    async def _ask(
        self,
        method: str,
        path: str,
        asked: Mapping[str, str] | None = None,
        *,
        body: Document | None = None,
        content: str = "application/json",
        missing: Any = ...,  # what a 404 answers; an error unless given
    ) -> Any:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self._request(method, path, asked, body=body, content=content) as answer:
                    self.counts[method, str(answer.status)] += 1
                    if answer.status == 404 and missing is not ...:
                        return missing
                    wait = self._again(answer) if attempt < ATTEMPTS else None
                    if wait is None:
                        await _refuse(answer)
                        return decode(await answer.read())
            except (aiohttp.ClientError, OSError) as error:
                self.counts[method, "broken"] += 1
                raise _unreachable(self._access.host, error) from error
            except msgspec.DecodeError as error:  # a proxy's page
                raise ClusterError("TF-162", "The cluster's answer is no JSON.", "It is tried again.") from error
            except asyncio.CancelledError:
                self._left = True
                raise
            await asyncio.sleep(wait)
        raise AssertionError("the last attempt ends the loop")

    def _again(self, answer: aiohttp.ClientResponse) -> float | None:
        """The seconds after which a request may succeed that was turned away before it did anything; None when not."""
        if answer.status == 401:
            return 0.0 if self._access.renew() else None
        after = answer.headers.get("Retry-After", "")
        if answer.status not in (429, 503) or not after.isdigit():
            return None
        # Not all at the same moment: those who were turned away together would come back together.
        return min(float(after), LONGEST_WAIT) + random.uniform(0, 0.5)

    def _request(
        self,
        method: str,
        path: str,
        asked: Mapping[str, str] | None,
        *,
        body: Document | None = None,
        content: str = "application/json",
        **options: Any,  # aiohttp's
    ) -> Any:
        assert self._session is not None, "use `async with`"
        self.guard()
        headers = {"Content-Type": content, "Accept": "application/json", **self._access.login}
        sent = None if body is None else msgspec.json.encode(body)
        data = io.BytesIO(sent) if sent and len(sent) > LARGE else sent
        url = self._access.host + path  # a base URL of aiohttp's would lose what its path has
        return self._session.request(
            method, url, params=asked, data=data, headers=headers, **self._access.way, **options
        )


def _event(line: bytes) -> tuple[str, Document]:
    try:
        event = decode(line)
    except msgspec.DecodeError as error:
        raise ClusterError("TF-162", "A watch told what is no JSON.", "It is begun again.") from error
    if event["type"] == "ERROR":
        if event["object"].get("code") == 410:
            raise Gone(event["object"].get("message", ""))
        what = f"The cluster ended a watch: {event['object'].get('message', '')}."
        raise ClusterError("TF-162", what, "It is begun again.")
    return event["type"], event["object"]


async def _refuse(answer: aiohttp.ClientResponse) -> None:
    if answer.status < 400:
        return
    text = await answer.text()
    try:
        text = json.loads(text)["message"]
    except (ValueError, KeyError, TypeError):
        text = text[:200]  # a proxy's page, not Kubernetes
    if answer.status == 410:
        raise Gone(text)
    raise Refused(answer.status, text)


class Refused(ClusterError):
    """The cluster's answer to a request was no.

    Attributes:
        status: The HTTP status: 409 for a conflict, 422 for a document that breaks the schema.
    """

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        super().__init__("TF-161", f"The cluster refused ({status}): {text}")


def _unreachable(host: str, error: Exception) -> ClusterError:
    reason = "it took too long" if isinstance(error, asyncio.TimeoutError) else str(error) or type(error).__name__
    at = urlsplit(host)
    host = f"{at.scheme}://{at.netloc}"  # the path may hold the login of a pocket cluster
    return ClusterError("TF-162", f"The cluster at {host} cannot be reached: {reason}.", "It is tried again.")
