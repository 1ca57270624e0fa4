"""The difference of two texts of a module, by definition: where one stands tells only which cell ran last."""

from __future__ import annotations

import ast
import difflib
from dataclasses import dataclass

WRITTEN = '"""Module '  # how the first line of a file that we wrote begins: it names its components, in their order


@dataclass(frozen=True, slots=True)
class _Block:
    """One statement with the comments right above it; told apart from its like by place, not by what it says."""

    key: str
    place: int
    lines: tuple[str, ...]


def text_difference(name: str, before: str, after: str) -> str:
    """As ``diff -u`` writes it; empty where the same statements stand in another order."""
    lines = difflib.unified_diff(_in_order_of(before, after), after.splitlines(), name, name, lineterm="")
    return "\n".join(lines)


def _in_order_of(before: str, after: str) -> list[str]:
    """The lines of a text, its statements in the order in which another has those of the same names."""
    try:
        ours, theirs = _blocks(before), _blocks(after)
    except (SyntaxError, ValueError):  # it is no Python
        return before.splitlines()
    by_key: dict[str, list[_Block]] = {}
    for block in ours:
        by_key.setdefault(block.key, []).append(block)
    ordered: list[_Block] = []
    for block in theirs:
        if found := by_key.get(block.key):
            there = found.pop(0)
            said = block if block.key == WRITTEN else there
            ordered.append(_Block(there.key, there.place, (*_space(block), *said.lines[len(_space(said)) :])))
    for place, block in enumerate(ours):  # what is no longer there stays behind what it stood behind
        if all(block.place != each.place for each in ordered):
            above = [n for n, each in enumerate(ordered) if place and each.place == ours[place - 1].place]
            ordered.insert(above[0] + 1 if above else 0, block)
    return [line for block in ordered for line in block.lines]


def _blocks(text: str) -> list[_Block]:
    lines, blocks, end = text.splitlines(), list[_Block](), 0
    for node in ast.parse(text).body:
        last = node.end_lineno or node.lineno
        if last <= end:  # on a line with the one before
            continue
        blocks.append(_Block(_key(node, "\n".join(lines[end:last]).strip()), len(blocks), tuple(lines[end:last])))
        end = last
    if lines[end:]:
        blocks.append(_Block("", len(blocks), tuple(lines[end:])))
    return blocks


def _key(node: ast.stmt, text: str) -> str:
    """By what one statement is known again when it says something else: the names it binds, or all that it says."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return node.name
        case ast.Assign(targets=[*targets]):
            return " ".join(map(ast.unparse, targets))
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            return ast.unparse(target)
    return WRITTEN if text.startswith(WRITTEN) else text


def _space(block: _Block) -> tuple[str, ...]:
    """The empty lines above."""
    count = next((n for n, line in enumerate(block.lines) if line.strip()), 0)
    return block.lines[:count]
