"""Conformance: any module server, in whatever language, is held to the protocol of module.proto."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from tinyflow_runtime import protocol
from tinyflow_runtime.conformance import traffic, transit  # noqa: F401 # each registers its checks
from tinyflow_runtime.conformance.checks import CHECKS
from tinyflow_runtime.conformance.subject import FLOW, Fault, NotOffered, Subject
from tinyflow_runtime.errors import TinyFlowError
from tinyflow_runtime.wire import Remote

__all__ = ["Finding", "examine", "main", "run"]

LIMIT = 30.0  # seconds for one check


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one check.

    Attributes:
        sentence: What a server does.
        fault: How this one does not; empty when it does.
        skipped: Why there was nothing to check.
    """

    sentence: str
    fault: str = ""
    skipped: str = ""

    def __str__(self) -> str:
        if self.fault:
            return f"FAULT  {self.sentence}\n       {self.fault}"
        return f"-      {self.sentence}: {self.skipped}" if self.skipped else f"ok     {self.sentence}"


def main(arguments: Sequence[str]) -> int:
    """Hold a running module server to the protocol; a line for each check, and exit code 1 when one finds a fault."""
    parser = argparse.ArgumentParser(prog="tinyflow module check", description=main.__doc__)
    parser.add_argument("address", metavar="ADDRESS", help="127.0.0.1:PORT or unix:/path")
    parser.add_argument("--component", default="", help="the component to try; the first that has an input, by default")
    parser.add_argument("--force", action="store_true", help="also when it runs nodes, which this ends")
    options = parser.parse_args(arguments)
    return asyncio.run(run(options.address, options.component, force=options.force))


async def run(address: str, component: str, *, force: bool) -> int:
    """Print what every check finds; returns the exit code: 0 is well, 1 is a fault, 2 that nodes run there."""
    remote = Remote(address)
    faults = checks = 0
    try:
        if not force and (others := await _runs(remote)):
            print(f"{address} runs {', '.join(others)}; this would end them. Say --force, or check another process.")
            return 2
        async for finding in examine(remote, component):
            print(finding, flush=True)
            checks += 1
            faults += bool(finding.fault)
    finally:
        await remote.close()
    print(f"{checks} checks, {faults} faults")
    return 1 if faults else 0


async def _runs(remote: Remote) -> list[str]:
    """The flows that run there, but for what an earlier check left."""
    try:
        return sorted({node.flow for node in (await remote.state()).nodes} - {FLOW})
    except TinyFlowError:
        return []  # the checks will say it better


async def examine(remote: Remote, component: str = "") -> AsyncGenerator[Finding, None]:
    """Run every check, one after the other; what the server runs ends."""
    try:
        subject = Subject(remote, await remote.describe(), component)
    except (Fault, TinyFlowError) as error:
        yield Finding("describes its components, their ports and schemas", fault=str(error))
        return
    for sentence, check in CHECKS.items():
        try:
            async with asyncio.timeout(LIMIT):
                await check(subject)
        except Fault as fault:
            yield Finding(sentence, fault=str(fault))
        except NotOffered as missing:
            yield Finding(sentence, skipped=str(missing))
        except TimeoutError:
            yield Finding(sentence, fault=f"It had not ended after {LIMIT:g} s.")
        except TinyFlowError as error:
            yield Finding(sentence, fault=f"{error.code} {error.what}")
        except Exception as error:  # a check takes for granted what an earlier one asks for
            yield Finding(sentence, fault=f"It answered what nobody expects: {type(error).__name__}: {error}.")
        else:
            yield Finding(sentence)
    await _leave(remote)


async def _leave(remote: Remote) -> None:
    try:
        await remote.apply(protocol.Plan(hash="nothing"))
    except TinyFlowError:
        return
