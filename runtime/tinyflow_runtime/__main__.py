"""The command ``tinyflow``: its own commands are run and module; the other packages bring theirs by entry points."""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from tinyflow_runtime import __version__
from tinyflow_runtime.errors import TinyFlowError, did_you_mean

Command = Callable[[Sequence[str]], int | None]

GROUP = "tinyflow.commands"
OWN = {"module": "tinyflow_runtime.hosting.server:main", "run": "tinyflow_runtime.embedded.commands:run"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; what it raises of ours is printed without a traceback, and the exit code is 1."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    commands = OWN if given[:1] in ([name] for name in OWN) else _commands()
    parser = argparse.ArgumentParser(
        prog="tinyflow",
        description="Flow-based programming from a notebook cell to a Kubernetes cluster.",
        epilog=_told(commands) if given[:1] in (["-h"], ["--help"]) else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tinyflow {__version__}")
    parser.add_argument("command", metavar="COMMAND", help="one of those below")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    options = parser.parse_args(given)
    if options.command not in commands:
        near = did_you_mean(options.command, commands)
        parser.error(f"{options.command!r} is no command. {near or 'Commands: ' + ', '.join(sorted(commands))}")
    name, rest = options.command, options.arguments
    if rest and f"{name}.{rest[0]}" in commands:  # a command of a command, which another package brings
        name, rest = f"{name}.{rest[0]}", rest[1:]
    try:
        return _load(commands[name])(rest) or 0
    except TinyFlowError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130  # as a shell says it


def _commands() -> dict[str, str]:
    """What every command calls, by name."""
    from importlib.metadata import entry_points  # a fifth of what a module process loads: it begins again without

    return {entry.name: entry.value for entry in entry_points(group=GROUP)} | OWN


def _told(commands: dict[str, str]) -> str:
    width = max(map(len, commands)) + 2
    lines = [f"  {name.replace('.', ' '):<{width}}{_sentence(commands[name])}" for name in sorted(commands)]
    return "\n".join(["commands:", *lines, "", "`tinyflow COMMAND --help` tells more."])


def _sentence(where: str) -> str:
    """What a command says first of itself. Read, not imported: some load a Kubernetes client or Jupyter."""
    module, _, function = where.partition(":")
    package, *inner = module.split(".")
    spec = find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        file = Path(folder, *inner).with_suffix(".py")
        for node in ast.parse(file.read_text(encoding="utf-8")).body if file.is_file() else ():
            if isinstance(node, ast.FunctionDef) and node.name == function:
                return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""


def _load(where: str) -> Command:
    module, _, function = where.partition(":")
    command: Command = getattr(import_module(module), function)
    return command


if __name__ == "__main__":
    sys.exit(main())
