"""The command ``tinyflow module``: a process that holds one module's components and runs the nodes it is told to."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import gc
import json
import logging
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from tinyflow_runtime import protocol
from tinyflow_runtime.errors import ComponentError, ModuleUnavailable, SourceError, did_you_mean
from tinyflow_runtime.hosting.host import Host
from tinyflow_runtime.hosting.keeping import Keeping
from tinyflow_runtime.hosting.lifeline import until_ended
from tinyflow_runtime.hosting.limits import loads_in_time, memory_below
from tinyflow_runtime.hosting.logs import to_json_lines
from tinyflow_runtime.hosting.reports import busiest
from tinyflow_runtime.redaction import Redactor
from tinyflow_runtime.rpc.credentials import Credentials
from tinyflow_runtime.source.archive import CELLS, Source, entries
from tinyflow_runtime.wire import dial, serve

GROUP = "tinyflow.modules"  # entry points by which a package says what module it holds, and in which of its files
# Containers that live before Python looks for cycles among them; its own number is 700. A batch of messages has to be
# fewer, or each is looked through: with messages of 10 KB that took two thirds as long again as to decode them.
COLLECT = 10_000

log = logging.getLogger("tinyflow")


def main(arguments: Sequence[str]) -> int | None:
    """Serve one module: load its text, and run the nodes the operator tells it to."""
    if arguments[:1] == ["check"]:
        from tinyflow_runtime.conformance import main as check  # whoever serves a module checks none

        return check(arguments[1:])  # its exit code
    options = _parser().parse_intermixed_args(arguments)  # files may stand before and after options
    if options.cells and options.source:
        _parser().error("give the text as files, or as --source; not both")
    said = _own_output()
    gc.set_threshold(COLLECT)
    redactor = Redactor(os.environ)
    to_json_lines(options.name, redactor.text)
    credentials = _credentials(options.name, options.tls) if options.tls else None
    given = _given(options.name, options.cells, options.source, options.sha256)
    keeping = Keeping(options.state, given=given.sha256 if given else "") if options.state else None
    with loads_in_time(options.name):
        source = _loaded(options.name, given, keeping)
    if keeping is not None:
        keeping.keep_source(source)
    reach = functools.partial(dial, credentials=credentials)
    host = Host(options.name, revision=source.sha256, redactor=redactor, dial=reach, kept=keeping)
    with contextlib.ExitStack() as stack:
        if options.memory:
            stack.enter_context(memory_below(options.memory, options.name, lambda: busiest(host.running.values())))
        asyncio.run(until_ended(_serve(host, options, keeping, said, credentials), leash=options.leash))
    return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tinyflow module",
        description=main.__doc__,
        epilog="`tinyflow module check ADDRESS` holds any module server, in whatever language, to the protocol.",
    )
    parser.add_argument("name", help="the module's name")
    parser.add_argument("cells", nargs="*", type=Path, metavar="FILE", help="the text of its cells, in order")
    parser.add_argument("--source", type=Path, metavar="FILE.zip", help="its text as an archive, instead of files")
    parser.add_argument("--sha256", help="what the archive must hash to")
    parser.add_argument(
        "--listen", default="127.0.0.1:0", help="unix:/path or 127.0.0.1:PORT, with --tls any; 0 finds one"
    )
    parser.add_argument(
        "--tls",
        type=Path,
        metavar="DIR",
        help="prove who we are with tls.crt, tls.key and ca.crt there, and ask it of all",
    )
    parser.add_argument(
        "--state", type=Path, metavar="DIR", help="keep the last plan and text there, to go on with them"
    )
    parser.add_argument("--metrics", metavar="127.0.0.1:PORT", help="answer Prometheus there")
    parser.add_argument("--memory", type=int, metavar="MIB", help="end with a word when it takes more")
    parser.add_argument("--leash", action="store_true", help="end when standard input does, so with whoever started it")
    return parser


def _own_output() -> int:
    """Keep standard output for what we say; what components print goes to standard error, with the log."""
    said = os.dup(1)
    os.dup2(2, 1)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)
    return said


def _given(module: str, cells: Sequence[Path], archive: Path | None, sha256: str | None) -> Source | None:
    """The text that the process was started with; else that of the package that holds the module, as in an image.

    Raises:
        SourceError: TF-171, TF-172; or a file cannot be read.
    """
    try:
        if archive is not None:
            source = Source.read(archive.read_bytes(), sha256=sha256)
        elif cells:
            source = _of_files(module, cells)
        elif installed := _installed().get(module):
            source = _of_files(module, [_file_of(installed)])
        else:
            return None
    except OSError as error:
        raise SourceError(
            "TF-172", f"{error.filename} cannot be read: {error.strerror}.", "Look at its path."
        ) from None
    if source.module != module:
        what = f"The archive holds module {source.module!r}, and {module!r} was to be served."
        raise ComponentError("TF-110", what, "Give the archive of this module.")
    return source


def _installed() -> dict[str, str]:
    """The modules that installed packages hold, and where."""
    from importlib.metadata import entry_points  # only here: a process that was given its text begins the sooner

    return {entry.name: entry.value for entry in entry_points(group=GROUP)}


def _file_of(where: str) -> Path:
    """Where a package has a module's text. Looked up, not imported: it is loaded as any other text."""
    package, *inner = where.split(".")
    spec = find_spec(package)
    (folder, *_) = (spec and spec.submodule_search_locations) or ("",)
    return Path(folder, *inner).with_suffix(".py")


def _of_files(module: str, cells: Sequence[Path]) -> Source:
    """One text of several files, one namespace for all, as the notebook had it; each line knows its file."""
    rows, text = [], ""
    for cell in cells:
        lines = cell.read_text(encoding="utf-8").splitlines()
        rows.append([text.count("\n") + 1, len(lines), cell.name, 1])
        text += "".join(f"{line}\n" for line in lines)
    name = entries(module)[0]
    return Source(module, {name: text, CELLS: json.dumps({name: rows})})


def _loaded(module: str, given: Source | None, keeping: Keeping | None) -> Source:
    """Load the newest text: what was loaded into the last process, unless this one was given a newer one.

    Raises:
        ComponentError: TF-110.
    """
    newest = keeping.source() if keeping is not None else None
    if newest is not None and newest.module == module:
        try:
            newest.load()
        except ComponentError as error:
            if given is None:
                raise
            log.warning("The text kept from before does not load any more: %s", error)
        else:
            return newest
    if given is None:
        what = f"Module {module!r} has no text: no file, no --source, no package, and nothing kept from before."
        near = did_you_mean(module, _installed())
        raise ComponentError("TF-110", what, near, "Give it FILE.py or --source FILE.zip, or install its package.")
    given.load()
    return given


def _credentials(module: str, folder: Path) -> Credentials:
    """What we prove who we are with.

    Raises:
        ModuleUnavailable: TF-155, it cannot be used, or is for somebody else.
    """
    credentials = Credentials(folder)
    if credentials.identity.name != module:
        what = f"The certificate in {folder} is for {credentials.identity}, and module {module!r} was to be served."
        raise ModuleUnavailable("TF-155", what, "Give the folder of this module's.")
    return credentials


async def _serve(
    host: Host, options: argparse.Namespace, keeping: Keeping | None, said: int, credentials: Credentials | None
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(host)
        try:
            bound = await stack.enter_async_context(
                serve(host, options.listen, health=host.health, credentials=credentials)
            )
            if options.metrics:
                from tinyflow_runtime.hosting.metrics import (
                    serve_metrics,  # only here: without it a process begins the sooner
                )

                log.info("metrics at %s", await stack.enter_async_context(serve_metrics(host, options.metrics)))
        except (ValueError, OSError) as error:
            what = f"Module {host.module!r} cannot be served: {error}."
            raise ModuleUnavailable("TF-163", what, "Choose another address.") from error
        stack.push_async_callback(host.make_way)  # before it can no longer be reached
        os.write(said, f"listening at {bound}\n".encode())  # whoever started us waits for this line
        plan = keeping.plan() if keeping is not None else None
        if plan is not None:
            await _go_on(host, plan)
        if credentials is None:
            await asyncio.Event().wait()
            return
        async for _ in credentials.changes():
            host.deliveries.renew()


async def _go_on(host: Host, plan: protocol.Plan) -> None:
    """Run the nodes of before; whatever is wrong with them must not keep this process from being told others."""
    try:
        applied = await host.apply(plan)
    except Exception:
        log.exception("the nodes of before cannot be run")
    else:
        troubled = sum(bool(node.trouble) for node in applied.nodes)
        log.info("goes on with %d nodes of before, %d of them in trouble", len(applied.nodes), troubled)
