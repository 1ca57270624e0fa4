"""The methods of module.proto: what each is asked with, what it answers, and which of the two are streams."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from tinyflow_runtime import protocol

SERVICE = "tinyflow.v1alpha1.Module"


class Method(NamedTuple):
    """One method; the classes are protobuf's, which have no common type.

    Attributes:
        name: As it is called in Python; on the wire it is in CamelCase.
        asked: Whether the requests are a stream.
        answered: Whether the answers are one.
    """

    name: str
    request: Any
    answer: Any
    asked: bool = False
    answered: bool = False


def _methods() -> dict[str, Method]:
    described = protocol.DESCRIPTOR.services_by_name["Module"].methods
    return {
        each.name: Method(
            re.sub(r"(?<!^)(?=[A-Z])", "_", each.name).lower(),
            getattr(protocol, each.input_type.name),
            getattr(protocol, each.output_type.name),
            each.client_streaming,
            each.server_streaming,
        )
        for each in described
    }


METHODS = _methods()  # by their names on the wire
