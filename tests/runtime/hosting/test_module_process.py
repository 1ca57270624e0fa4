"""The module process: what it says, keeps and measures, and what becomes of it when something goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import time
import urllib.request

import msgspec
import psutil
import pytest
from tinyflow_runtime import protocol
from tinyflow_runtime.errors import ModuleUnavailable
from tinyflow_runtime.source.archive import Source
from tinyflow_runtime.wire import Remote

pytestmark = pytest.mark.timeout(60)

CELL = """
import gc
import os
import tinyflow_jupyter as tf

print("this cell speaks")


@tf.component
def double(x: int) -> int:
    tf.context().log.info("doubling")
    return 2 * x


@tf.component
def plain(x: int) -> int:
    return 5 * x


@tf.component
def boom(x: int, *, token: str = "") -> int:
    raise ValueError(f"the token is {token}")


@tf.component
def hog(x: int) -> None:
    kept.append(bytearray(x * 1024 * 1024))


kept = []


@tf.component
def collections(x: list) -> int:
    return gc.get_stats()[0]["collections"]


@tf.component
def dies(x: int) -> None:
    os._exit(9)
"""


class Process:
    """A module process of ours, on a leash."""

    def __init__(self, process, remote):
        self.process, self.remote = process, remote

    async def killed(self):
        """What it had said on standard error when it was killed."""
        self.process.kill()
        return (await self.process.communicate())[1].decode()

    async def ended(self):
        """What it had said when it ended by itself, or with its leash."""
        self.process.stdin.close()
        async with asyncio.timeout(20):
            said = (await self.process.communicate())[1].decode()
        return said


@contextlib.asynccontextmanager
async def module(*arguments, listen="127.0.0.1:0"):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tinyflow_runtime", "module", "notebook", "--leash", "--listen", listen),
        *map(str, arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    remote = None
    try:
        said = (await process.stdout.readline()).decode().strip()
        assert re.fullmatch(r"listening at \S+", said), (said, (await process.communicate())[1].decode())
        remote = Remote(said.removeprefix("listening at "))
        yield Process(process, remote)
    finally:
        if remote is not None:
            await remote.close()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()


async def refused(*arguments):
    """What a module process that does not come up says, and its exit code."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tinyflow_runtime", "module", "notebook"),
        *map(str, arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, said = await process.communicate()
    return process.returncode, out.decode(), said.decode()


@pytest.fixture
def cell(tmp_path):
    path = tmp_path / "cell.py"
    path.write_text(CELL)
    return path


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "source.zip"
    source = Source("notebook", {"notebook.py": CELL})
    path.write_bytes(source.archive())
    return path, source


def node(name, component="double", *, settings=None, to=()):
    edges = [protocol.Edge(id=f"{name}-{end}", port="out", to=end) for end in to]
    packed = msgspec.msgpack.encode(settings) if settings else b""
    return protocol.Node(flow="sums", name=name, component=component, settings=packed, edges=edges)


def plan(*nodes):
    return protocol.Plan(hash="-".join(one.name for one in nodes), nodes=nodes)


async def send(remote, to, *payloads):
    messages = [protocol.Message(flow="sums", to=to, payload=msgspec.msgpack.encode(payload)) for payload in payloads]
    await remote.send(protocol.Batch(messages=messages), timeout=10)


async def settled(remote, count):
    async with asyncio.timeout(20):
        while True:
            nodes = (await remote.state()).nodes
            if sum(one.handled + one.dead for one in nodes) >= count:
                return {one.name: one for one in nodes}
            await asyncio.sleep(0.01)


async def running(remote, *names):
    """Once these nodes run: a process that goes on with a plan does so after it has said where it listens."""
    async with asyncio.timeout(20):
        while {one.name for one in (await remote.state()).nodes} != set(names):  # noqa: ASYNC110 # it is another process
            await asyncio.sleep(0.01)


# What it says


async def test_what_components_print_does_not_stand_where_we_speak(cell):
    async with module(cell) as process:
        said = await process.ended()

    assert "this cell speaks" in said


async def test_it_logs_json_lines_with_nodes_and_message_ids_and_without_secrets(cell):
    async with module(cell) as process:
        await process.remote.apply(plan(node("a", to=["b:in"]), node("b", "boom", settings={"token": "open sesame"})))
        await send(process.remote, "a:in", 1)
        await settled(process.remote, 2)
        letters = await process.remote.dead_letters("sums")
        said = await process.ended()

    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    doubling = next(line for line in lines if line["message"] == "doubling")
    raised = next(line for line in lines if "TF-139" in line["message"])
    assert (doubling["module"], doubling["node"], doubling["port"]) == ("notebook", "a", "in")
    assert re.fullmatch("[0-9a-f]{10}-[0-9a-f]{10}", doubling["message_id"])
    assert (raised["flow"], raised["node"], raised["level"]) == ("sums", "b", "warning")
    assert raised["message_id"] == letters.letters[0].message.id
    assert "the token is •••" in raised["message"]
    assert "open sesame" not in said + str(letters)


async def test_who_does_not_read_the_log_makes_nobody_wait(cell):
    async with module(cell) as process:
        await process.remote.apply(plan(node("a")))
        for _ in range(8):
            await send(process.remote, "a:in", *range(500))
        nodes = await settled(process.remote, 4_000)
        said = await process.ended()

    assert nodes["a"].handled == 4_000
    assert "lines were left out" in said


async def test_prometheus_reads_its_counts(cell):
    async with module(cell, "--metrics", "127.0.0.1:0") as process:
        await process.remote.apply(plan(node("a", to=["b:in"]), node("b", "boom")))
        await send(process.remote, "a:in", 1, 2)
        await settled(process.remote, 4)
        url = next(
            f"http://{connection.laddr.ip}:{connection.laddr.port}"
            for connection in psutil.Process(process.process.pid).net_connections("tcp")
            if connection.status == "LISTEN" and str(connection.laddr.port) not in process.remote.address
        )
        text = await asyncio.to_thread(lambda: urllib.request.urlopen(f"{url}/metrics").read().decode())
        with pytest.raises(urllib.error.HTTPError, match="404"):
            await asyncio.to_thread(lambda: urllib.request.urlopen(f"{url}/other"))

    samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert samples['tinyflow_node_handled_total{flow="sums",node="a"}'] == "2"
    assert samples['tinyflow_node_dead_total{flow="sums",node="b"}'] == "2"
    assert samples['tinyflow_edge_sent_total{flow="sums",source="a:out",to="b:in"}'] == "2"
    assert samples['tinyflow_edge_capacity{flow="sums",source="a:out",to="b:in"}'] == "64"
    assert samples["tinyflow_dead_letters"] == "2"
    assert float(samples["process_resident_memory_bytes"]) > 1e7
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(set(names)) == len(names)


async def test_nothing_of_it_listens_beyond_this_machine(cell, tmp_path):
    async with module(cell, "--metrics", "127.0.0.1:0") as process:
        listening = [
            connection.laddr.ip
            for connection in psutil.Process(process.process.pid).net_connections("inet")
            if connection.status in ("LISTEN", "NONE")
        ]
    code, _, said = await refused(cell, "--listen", "0.0.0.0:0")
    other, _, metrics = await refused(cell, "--metrics", "0.0.0.0:0")

    assert listening
    assert {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}
    assert (code, other) == (1, 1)
    for told in (said, metrics):
        assert "TF-163 Module 'notebook' cannot be served: '0.0.0.0:0' is reachable from other machines" in told


# What it keeps


async def test_a_process_that_was_killed_goes_on_with_the_same_nodes(cell, tmp_path):
    state = tmp_path / "state"

    async with module(cell, "--state", state) as first:
        await first.remote.apply(plan(node("a"), node("b")))
        before = await first.remote.describe()
        await first.killed()
    async with module("--state", state) as second:
        after = await second.remote.describe()
        await running(second.remote, "a", "b")
        await send(second.remote, "a:in", 1)
        nodes = await settled(second.remote, 1)

    assert after.revision == before.revision
    assert after.instance != before.instance
    assert nodes["a"].handled == 1
    assert [oct(path.stat().st_mode & 0o777) for path in sorted(state.iterdir())] == ["0o600"] * 3


async def test_a_text_that_was_loaded_hot_is_the_one_that_comes_back(archive, tmp_path):
    path, source = archive
    hot = Source("notebook", {"notebook.py": CELL.replace("2 * x", "3 * x")})
    arguments = "--source", path, "--sha256", source.sha256, "--state", tmp_path / "state"

    async with module(*arguments) as first:
        await first.remote.load(protocol.Archive(sha256=hot.sha256, archive=hot.archive()))
        await first.killed()
    async with module(*arguments) as second:
        again = await second.remote.describe()

    assert again.revision == hot.sha256


async def test_a_newer_text_on_the_command_line_wins_over_the_one_that_was_kept(archive, tmp_path):
    path, source = archive
    newer = Source("notebook", {"notebook.py": CELL.replace("2 * x", "4 * x")})

    async with module("--source", path, "--state", tmp_path / "state") as first:
        await first.killed()
    path.write_bytes(newer.archive())
    async with module("--source", path, "--state", tmp_path / "state") as second:
        description = await second.remote.describe()

    assert description.revision == newer.sha256 != source.sha256


@pytest.mark.parametrize("damaged", ["plan", "source.zip", "source.json"])
async def test_what_was_kept_and_is_damaged_is_said_and_left_alone(cell, tmp_path, damaged):
    state = tmp_path / "state"
    async with module(cell, "--state", state) as first:
        await first.remote.apply(plan(node("a")))
        await first.killed()
    kept = bytearray((state / damaged).read_bytes())
    kept[len(kept) // 2] ^= 0xFF
    (state / damaged).write_bytes(kept)

    async with module(cell, "--state", state) as second:
        described = await second.remote.describe()
        said = await second.ended()

    assert described.components
    assert damaged == "source.json" or "is damaged" in said


async def test_a_disk_that_takes_nothing_stops_nothing(cell, tmp_path):
    state = tmp_path / "state"
    async with module(cell, "--state", state) as process:
        for path in [*state.iterdir()]:
            path.unlink()
        state.rmdir()
        applied = await process.remote.apply(plan(node("a")))
        said = await process.ended()

    assert applied.nodes[0].running
    assert "plan could not be kept" in said


async def test_ten_texts_are_loaded_hot_within_a_second_each_and_lose_nothing(archive):
    path, _ = archive
    sent, took = 0, []

    async with module("--source", path) as process:
        await process.remote.apply(plan(*(node(f"n{number}", "plain") for number in range(20))))
        for factor in range(3, 13):
            hot = Source("notebook", {"notebook.py": CELL.replace("5 * x", f"{factor} + x")})
            sending = [asyncio.create_task(send(process.remote, f"n{number}:in", *range(50))) for number in range(20)]
            begun = time.monotonic()
            await process.remote.load(protocol.Archive(sha256=hot.sha256, archive=hot.archive()))
            took.append(time.monotonic() - begun)
            await asyncio.gather(*sending)
            sent += 20 * 50
        nodes = await settled(process.remote, sent)

    assert sorted(took)[len(took) // 2] < 1
    assert sum(one.handled for one in nodes.values()) == sum(one.accepted for one in nodes.values()) == sent


# What goes wrong


async def test_an_archive_that_does_not_match_its_hash_is_not_run(archive):
    path, _ = archive

    code, out, said = await refused("--source", path, "--sha256", "0" * 64)

    assert (code, out) == (1, "")
    assert said.startswith("TF-171 ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import nowhere_at_all\n", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("x = 1\n\nraise SystemExit(0)\n", "Its text ends the process"),
        ("def f(:\n", "SyntaxError"),
    ],
)
async def test_a_text_that_does_not_load_is_told_last(tmp_path, text, told):
    cell = tmp_path / "cell.py"
    cell.write_text(text)

    code, out, said = await refused(cell)

    assert (code, out) == (1, "")
    assert said.splitlines()[0].startswith("TF-110 Module 'notebook' was not loaded.")
    assert told in said


async def test_a_process_without_any_text_says_how_to_give_it_one():
    code, _, said = await refused()

    assert code == 1
    assert "Give it FILE.py or --source FILE.zip, or install its package." in said


async def test_a_component_that_ends_the_process_is_noticed_at_once(cell):
    async with module(cell) as process:
        await process.remote.apply(plan(node("a", "dies")))
        begun = time.monotonic()
        with pytest.raises(ModuleUnavailable, match="TF-163"):
            await send(process.remote, "a:in", *[1] * 1_000)
        noticed = time.monotonic() - begun

    assert noticed < 5


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "unix:{}/module.sock"])
async def test_a_process_that_is_stopped_is_noticed_within_ten_seconds(cell, tmp_path, listen):
    async with module(cell, listen=listen.format(tmp_path)) as process:
        await process.remote.apply(plan(node("a")))
        watch = process.remote.watch(protocol.WatchRequest(flow="sums", port="a:out"))
        await anext(watch)
        os.kill(process.process.pid, signal.SIGSTOP)
        begun = time.monotonic()
        with pytest.raises(ModuleUnavailable, match="TF-163"):
            await anext(watch)
        noticed = time.monotonic() - begun
        os.kill(process.process.pid, signal.SIGCONT)
        async with asyncio.timeout(10):
            while not await process.remote.serving():  # noqa: ASYNC110 # it is another process
                await asyncio.sleep(0.1)
        await send(process.remote, "a:in", 1)

    assert noticed < 10


async def test_more_memory_than_the_limit_ends_the_process_with_a_word(cell):
    async with module(cell, "--memory", "400") as process:
        await process.remote.apply(plan(node("a", "hog")))
        with contextlib.suppress(ModuleUnavailable):
            for _ in range(60):
                await send(process.remote, "a:in", 10)
                await asyncio.sleep(0.01)
        said = await process.ended()

    assert process.process.returncode == 137
    assert re.search(r"TF-145 Module 'notebook' used \d+ MiB of memory; its limit is 400", said)


@pytest.mark.skipif(sys.platform != "linux", reason="a Linux process can be refused memory; others are only ended")
async def test_far_too_much_memory_at_once_costs_only_its_message(cell):
    async with module(cell, "--memory", "400") as process:
        await process.remote.apply(plan(node("a", "hog"), node("b")))
        await send(process.remote, "a:in", 4_000)
        await settled(process.remote, 1)
        letters = await process.remote.dead_letters("sums")
        await send(process.remote, "b:in", 1)
        nodes = await settled(process.remote, 2)

    assert "MemoryError" in letters.letters[0].reason
    assert nodes["b"].handled == 1


async def test_it_drains_and_ends_well_when_it_is_told_to_end(cell):
    async with module(cell) as process:
        await process.remote.apply(plan(node("a")))
        await send(process.remote, "a:in", *range(50))
        process.process.terminate()
        said = await process.ended()

    assert process.process.returncode == 0
    assert said.count('"doubling"') == 50
    assert "Traceback" not in said


async def test_a_batch_of_messages_is_not_looked_through_for_garbage(cell):
    rows = [[number] for number in range(300)]
    async with module(cell) as process:
        await process.remote.apply(plan(node("a", "collections")))
        for _ in range(16):
            await send(process.remote, "a:in", *[rows] * 6)
        await settled(process.remote, 96)
        look = await process.remote.look(protocol.LookRequest(flow="sums", port="a:out", history=100))

    counts = [msgspec.msgpack.decode(message.payload) for message in look.messages]
    assert len(counts) == 96
    assert max(counts) - min(counts) <= 5  # of 96 messages with 28,800 lists


HANGING = """
from tinyflow_runtime.source import loading
from tinyflow_runtime.hosting.limits import loads_in_time
from tinyflow_runtime.source.archive import Source
source = Source("slow", {"slow.py": "import time\\n\\ntime.sleep(60)\\n"})
with loads_in_time("slow", said=1, limit=2):
    source.load()
"""


async def test_a_text_that_hangs_while_it_loads_says_where_and_is_ended():
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", HANGING, stderr=asyncio.subprocess.PIPE)
    said = (await process.communicate())[1].decode()

    assert process.returncode == 1
    assert "TF-110 Module 'slow' still loads after 1 s.\n  slow.py, line 3" in said
    assert "TF-110 Module 'slow' was not loaded: it had not ended after 2 s.\n  slow.py, line 3" in said


async def test_a_module_process_loads_nothing_that_it_begins_again_without():
    needless = {"importlib.metadata", "psutil", "email", "http", "aiohttp", "yaml", "pydantic", "IPython"}
    programs = "tinyflow_runtime.__main__, tinyflow_runtime.hosting.server"
    code = f"import sys, {programs}; print({needless} & sys.modules.keys())"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)

    assert (await process.communicate())[0].decode().strip() == "set()"
