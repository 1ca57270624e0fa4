from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2
from tinyflow_runtime import protocol

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    made = tmp_path_factory.mktemp("protocol")
    environment = {**os.environ, "PYTHON": sys.executable}
    subprocess.run(["sh", str(ROOT / ".ci/protocol"), str(made)], check=True, env=environment, capture_output=True)
    return made


def test_the_descriptor_is_that_of_the_proto_file(fresh):
    kept = (ROOT / "runtime/tinyflow_runtime/module.desc").read_bytes()

    made = (fresh / "module.desc").read_bytes()

    # Parsed, for another release of the compiler may order the bytes differently.
    parse = descriptor_pb2.FileDescriptorSet.FromString
    assert parse(kept) == parse(made), "run `make wire`"


def test_the_types_name_every_field_of_every_message(fresh):
    kept = (ROOT / "runtime/tinyflow_runtime/protocol.pyi").read_text()

    made = (fresh / "protocol.pyi").read_text()

    assert re.findall(r"^class .*\n +__slots__.*$", kept, re.M) == re.findall(r"^class .*\n +__slots__.*$", made, re.M)


def test_a_message_survives_the_wire():
    message = protocol.Message(flow="sums", to="double:in", payload=b"\x15", sequence=7)

    again = protocol.Message.FromString(message.SerializeToString())

    assert again == message
