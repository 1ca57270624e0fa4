from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some
from tinyflow_operator.deep import DEEPEST, TOO_DEEP, _shallow, decode, is_too_deep

JSON = some.recursive(
    some.none() | some.booleans() | some.integers(-(2**53), 2**53) | some.text(),
    lambda part: some.lists(part, max_size=3) | some.dictionaries(some.text(), part, max_size=3),
)


@given(JSON)
def test_what_is_flat_is_read_as_it_is(value):
    text = msgspec.json.encode(value)

    assert decode(text) == msgspec.json.decode(_shallow(text)) == value


@pytest.mark.parametrize(("opens", "closes"), [(b"[", b"]"), (b'{"a]": ', b"}"), (b'[{"\\"]": ', b"}]")])
def test_what_is_too_deep_is_cut_off_and_the_rest_is_read(opens, closes):
    text = b'{"before": "x", "deep": ' + opens * 100_000 + b"1" + closes * 100_000 + b', "after": [1]}'

    read = decode(text)

    assert (read["before"], read["after"]) == ("x", [1])
    assert is_too_deep(read["deep"])
    assert not is_too_deep(read["after"])


def test_the_mark_stands_below_the_deepest_level():
    read = decode(b"[" * 5000 + b"]" * 5000)

    for _ in range(DEEPEST):
        (read,) = read
    assert read == TOO_DEEP
