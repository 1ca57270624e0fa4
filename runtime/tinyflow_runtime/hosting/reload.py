"""Hot reload: the text of a module is exchanged while its nodes run, whole or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping

from tinyflow_runtime import place
from tinyflow_runtime.component import Component
from tinyflow_runtime.errors import ComponentError, HandlerError
from tinyflow_runtime.hosting.generations import Defined, define
from tinyflow_runtime.hosting.running import Running
from tinyflow_runtime.module import held, kept_on_failure
from tinyflow_runtime.source.archive import Source
from tinyflow_runtime.source.revisions import same_code

__all__ = ["load", "reload"]

LOAD = 60.0  # seconds for a text to load; large libraries take ten


@contextlib.asynccontextmanager
async def load(source: Source, module: str) -> AsyncIterator[dict[str, Component]]:
    """Load a source in a thread, while the nodes run on; when the block raises, the module is what it was.

    Raises:
        ComponentError: TF-110, it did not load, or not in time.
    """
    if source.module != module:
        what = f"The archive holds module {source.module!r}, and this is module {module!r}."
        raise ComponentError("TF-110", what, "Send it to the process of its own module.")
    with kept_on_failure():
        await _in_thread(source.load, f"Module {module!r} was not loaded.")
        yield held(module)


async def reload(
    flows: Iterable[Running], old: Mapping[str, Component], new: Mapping[str, Component]
) -> dict[str, Component]:
    """Let every node run the new text from its next message on.

    What is the same in both texts, with all that it uses, runs on undisturbed. Nodes whose component the new text
    lacks run on as well, and say so.

    Returns:
        What the module holds now.

    Raises:
        ComponentError: TF-110, a node could not run the new text; every node runs the old one.
    """
    components = {name: old[name] if name in old and same_code(old[name], each) else each for name, each in new.items()}
    wanted = [(running, _fitting(running, components)) for running in flows]
    done: list[tuple[Running, Defined]] = []
    try:
        for running, defined in wanted:
            before = running.defined
            await running.reload(defined)
            done.append((running, before))
    except HandlerError as error:
        for running, before in reversed(done):
            await running.reload(before)
        raise _refused(f"{error.code} {error.what}") from error
    return components


def _fitting(running: Running, components: Mapping[str, Component]) -> Defined:
    good, before = running.defined.generations, running.defined.troubles
    defined = define(running.name, running.plan, components, module=running.module, old=running.defined)
    for node, trouble in defined.troubles.items():
        if trouble and not before.get(node) and node in good and good[node].component.name in components:
            raise _refused(f"In flow {running.name!r}: {trouble.splitlines()[0]}")
    return defined


def _refused(reason: str) -> ComponentError:
    return ComponentError(
        "TF-110",
        "The module's new text was not taken; the old one stays.",
        reason,
        "Keep what the flow uses, or change the flow first.",
    )


async def _in_thread(work: Callable[[], object], refusal: str) -> None:
    """Not in a pool, which would wait for it at the end of the program: a text may hang for ever."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: BaseException | None) -> None:
        if not done.done():
            done.set_exception(error) if error is not None else done.set_result(None)

    def act() -> None:
        error: BaseException | None = None
        try:
            work()
        except BaseException as raised:  # it is raised where it is waited for
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, error)

    thread = threading.Thread(target=act, name="load", daemon=True)
    thread.start()
    try:
        async with asyncio.timeout(LOAD):
            await done
    except TimeoutError:
        frame = sys._current_frames().get(thread.ident or 0)
        what = f"{refusal} It still loads after {LOAD:g} s."
        way_out = "Let its text end; what takes long belongs into a component's start."
        raise ComponentError("TF-110", what, way_out, where=place.of_stack(frame)) from None
