"""The methods of module.proto: what each is asked with, what it answers, and which of the two are streams."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from tinyflow_runtime import protocol

if TYPE_CHECKING:
    from tinyflow_runtime.rpc.streams import Inbound

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


class Served(Protocol):
    """What a module server answers: the methods of module.proto. It may lack some, and says so when asked."""

    async def describe(self, request: protocol.DescribeRequest) -> protocol.Description: ...
    async def apply(self, plan: protocol.Plan) -> protocol.Applied: ...
    async def send(self, batch: protocol.Batch) -> protocol.Accepted: ...
    def watch(self, request: protocol.WatchRequest) -> AsyncIterator[protocol.Seen]: ...
    async def deliver(self, stream: Inbound) -> None: ...
