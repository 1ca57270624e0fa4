"""A flow applies as a whole: its nodes pass when they are those that were pushed together, or have settled."""

from __future__ import annotations

from dataclasses import dataclass

from tinyflow_runtime.manifest import hash_of_nodes, node_hash

from tinyflow_operator.kinds import Document
from tinyflow_operator.plan import Part

SETTLED = 5.0  # seconds without a change after which what is there is all that will come
LONGEST = 30.0  # seconds after which a flow that never settles passes too


@dataclass(frozen=True, slots=True)
class Passed:
    """A flow's nodes as they passed last.

    Attributes:
        parts: What they say to each module.
        sha256: Their hash.
        drifted: They are others than those that were pushed together.
    """

    parts: dict[str, Part]
    sha256: str
    drifted: bool


class Gate:
    """One flow's."""

    def __init__(self) -> None:
        self.passed: Passed | None = None
        self.sha256 = ""  # of the nodes as they are
        self.dirty = True  # other nodes than those that passed
        self.homes: dict[str, str] = {}  # the modules of those nodes that name an image
        self._hashes: dict[str, tuple[str, int, str]] = {}  # by name: uid, generation, hash
        self._stale = True
        self._seen: tuple[str, str] | None = None
        self._changed = self._waits_since = 0.0

    def note(self, name: str, node: Document | None) -> None:
        """A node of the flow is like this now; None when it is gone."""
        known = self._hashes.get(name)
        if node is None:
            if known is not None:
                del self._hashes[name]
                self._stale = self.dirty = True
            return
        uid, generation = node["metadata"]["uid"], node["metadata"]["generation"]
        if known is None or known[:2] != (uid, generation):
            self._hashes[name] = (uid, generation, node_hash(node))
            self._stale = self.dirty = True

    def look(self, wanted: str, *, clock: float) -> float:
        """The seconds to wait until the nodes may pass; 0 when they may now.

        Args:
            wanted: The hash that was pushed; empty when nobody said one.
            clock: Seconds, of a clock that only goes forward.
        """
        if self._stale:
            self.sha256 = hash_of_nodes({name: known[2] for name, known in self._hashes.items()})
            self._stale = False
        if not wanted or wanted == self.sha256:
            self._seen = None
            return 0.0
        if self._seen is None:
            self._waits_since = clock
        if self._seen != (wanted, self.sha256):
            self._seen = (wanted, self.sha256)
            self._changed = clock
        return max(0.0, min(self._changed + SETTLED, self._waits_since + LONGEST) - clock)

    def let(self, parts: dict[str, Part], *, drifted: bool, homes: dict[str, str]) -> None:
        """These pass."""
        self.homes = homes
        self.passed = Passed(parts, self.sha256, drifted)
        self.dirty = False


def wanted_hash(flow: Document | None, annotation: str) -> str:
    """What was pushed together, as the TinyFlow says; empty when nobody said it."""
    return str(((flow or {}).get("metadata", {}).get("annotations") or {}).get(annotation, ""))
