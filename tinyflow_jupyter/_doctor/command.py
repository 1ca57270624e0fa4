"""The command ``tinyflow doctor``, which ``%tinyflow doctor`` is in a notebook."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from .examination import examine
from .picture import coloured


def main(arguments: Sequence[str]) -> int:
    """Look at this computer and at the kubeconfig's cluster, and say of each thing whether it is well, and what to do.

    The exit code is 1 when something keeps flows from working.
    """
    parser = make_parser("tinyflow doctor")
    parser.add_argument("--json", action="store_true", help="print it for programs")
    options = parser.parse_args(arguments)
    found = examine(options.context, options.namespace)
    print(json.dumps(found.data(), indent=2) if options.json else coloured(found.findings))
    return 0 if found.well else 1


def make_parser(program: str) -> argparse.ArgumentParser:
    """What command and magic have in common."""
    said = (main.__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog=program, description=said)
    parser.add_argument("--context", help="of the kubeconfig; its current one unless given")
    parser.add_argument("--namespace", help="the context's own unless given")
    return parser
