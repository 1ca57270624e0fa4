"""Sights are the ports that somebody looks at: several views, in one browser or in many, may show one flow."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["Sights"]

VIEWS = 16  # that are remembered: a browser that was closed did not say so


class Sights:
    """Ports by the view that shows them.

    Args:
        most: Ports at once; of more than that, those of the views that spoke last.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: dict[str, list[str]] = {}  # who spoke last stands last

    def see(self, view: str, addresses: Iterable[object]) -> None:
        """A view shows these ports now, and no others; one that shows none may be gone."""
        self._seen.pop(view, None)
        if seen := [str(address) for address in addresses][: self._most]:
            self._seen[view] = seen
        for old in list(self._seen)[:-VIEWS]:
            del self._seen[old]

    def all(self) -> list[str]:
        """What any of them shows."""
        views = reversed(list(self._seen.values()))
        return list(dict.fromkeys(address for seen in views for address in seen))[: self._most]
