"""What is known of module processes survives their being started elsewhere."""

from __future__ import annotations

from tinyflow_operator.running import Processes, Verdict


class Remote:
    def __init__(self, address: str) -> None:
        self.address = address

    async def close(self) -> None: ...


async def test_nodes_that_were_told_of_an_absence_are_owed_the_news_by_the_process_that_follows():
    processes = Processes(lambda address, _module: Remote(address))
    first = await processes.at(("default", "maths"), "unix:/one")
    first.verdicts["sums", "a"] = Verdict(1, "", running=True)
    first.missed = True

    second = await processes.at(("default", "maths"), "unix:/two")

    assert second is not first
    assert second.missed
    assert second.verdicts == first.verdicts
    await processes.close()
