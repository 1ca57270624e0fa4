"""An operator that is not known to its cluster yet waits, says so once, and begins when it is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path

import pytest
import yaml
from tinyflow_operator import patience
from tinyflow_operator.certificates import Certificates
from tinyflow_operator.kinds import MODULES
from tinyflow_operator.kube import Kube, Refused
from tinyflow_operator.patience import answered
from tinyflow_runtime.errors import ClusterError

UNKNOWN = Refused(401, "Unauthorized")
AWAY = ClusterError("TF-162", "The cluster cannot be reached.", "It is tried again.")


class Answers:
    """Raises one error after the other, and answers then."""

    def __init__(self, *errors):
        self.errors, self.asked = list(errors), 0

    async def __call__(self):
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


@pytest.fixture
def slept(monkeypatch):
    """How long was waited, in no time."""
    waits = []

    async def sleep(seconds):
        waits.append(seconds)

    monkeypatch.setattr(patience.asyncio, "sleep", sleep)
    monkeypatch.setattr(patience.random, "uniform", lambda least, most: most)
    return waits


async def test_trouble_that_passes_is_waited_out_longer_and_longer_and_told_once(slept, caplog):
    ask = Answers(*[UNKNOWN] * 9, *[AWAY] * 3, Refused(503, "etcd"), Refused(429, "busy"))

    assert await answered(ask, "It cannot be looked at yet") == "answer"

    told = [record.getMessage().partition("\n")[0] for record in caplog.records]
    assert [each.removeprefix("It cannot be looked at yet: ") for each in told] == [
        "TF-161 The cluster refused (401): Unauthorized",
        "TF-162 The cluster cannot be reached.",
        "TF-161 The cluster refused (503): etcd",
        "TF-161 The cluster refused (429): busy",
    ]
    assert slept[:3] == [0.2, 0.4, 0.8]
    assert slept == sorted(slept)
    assert slept[-1] == patience.LONGEST_DELAY


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
async def test_what_waiting_does_not_help_is_raised_at_once(slept, status):
    ask = Answers(Refused(status, "no"))

    with pytest.raises(Refused, match=f"({status})"):
        await answered(ask, "It cannot be looked at yet")

    assert (ask.asked, slept) == (1, [])


async def test_an_authority_is_waited_for_while_our_login_is_not_taken(place, monkeypatch, caplog):
    monkeypatch.setattr(patience, "FIRST_DELAY", 0.01)
    left = [UNKNOWN, AWAY]

    class Late(Kube):
        async def get(self, kind, namespace, name):
            if left:
                raise left.pop(0)
            return await super().get(kind, namespace, name)

    async with Late(place.kube._access._configuration) as kube, Certificates(kube, place.namespace) as certificates:
        assert certificates.authority is not None

    assert caplog.text.count("The authority cannot be read yet") == 2


@pytest.mark.timeout(120)
@pytest.mark.parametrize("place", ["kubernetes"], indirect=True)
async def test_an_operator_whose_token_is_not_taken_at_its_start_works_once_it_is(place, tmp_path, eventually):
    config = yaml.safe_load(await asyncio.to_thread(Path(os.environ["KUBECONFIG"]).read_text))
    good = config["users"][0]["user"]
    file, told = tmp_path / "kubeconfig", tmp_path / "log"
    file.write_text(json.dumps({**config, "users": [{**config["users"][0], "user": {"token": "not-known-yet"}}]}))
    await place.apply(MODULES, "m", {"image": "words:1"})
    with told.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tinyflow_operator", "--namespace", place.namespace, "--leader", "--tls"),
            env={**os.environ, "KUBECONFIG": str(file), "POD_NAMESPACE": place.namespace, "POD_NAME": "it"},
            stderr=log,
        )
    try:
        await eventually(lambda: "(401)" in told.read_text(), timeout=40)
        file.write_text(json.dumps({**config, "users": [{**config["users"][0], "user": good}]}))
        await place.until(MODULES, "m", lambda module: (module.get("status") or {}).get("certificate"), timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        code = await process.wait()

    said = told.read_text()
    assert code == 0, said
    assert said.count("(401)") == 1, said
