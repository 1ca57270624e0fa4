"""The realistic hop as one would write it: asyncio.Queue, jsonpath-ng for the mapping, pydantic for the message."""

from __future__ import annotations

import asyncio

import pydantic
from jsonpath_ng import parse

from .asyncio_channels import Channel, carry
from .measure import Figures, Job, main


class Typed(pydantic.BaseModel):
    """What a node is given."""

    i: int
    t: float


async def node(source: Channel, target: Channel) -> None:
    i, t = parse("$.i"), parse("$.t")
    while True:
        m = await source.get()
        typed = Typed.model_validate({"i": i.find(m)[0].value, "t": t.find(m)[0].value})
        await target.put(typed.model_dump())


def run(job: Job) -> Figures:
    return asyncio.run(carry(job, node))


if __name__ == "__main__":
    main(run)
