"""Rates are what a person reads: near the truth, without flicker, and nothing soon after the last message."""

from __future__ import annotations

import itertools
import random

import pytest

from tinyflow_jupyter._view.rates import ALONE, QUIET, Rate


def watched(pace: float, seconds: float, *, look: float = 0.2) -> list[tuple[float, float, bool]]:
    """What is shown of a source that sends so many messages a second for a while: when, the rate, whether it moves."""
    chance = random.Random(7)
    rate, now, shown = Rate(0, 0.0), 0.0, []
    while now < seconds + 10:
        now += look * chance.uniform(0.9, 1.2)  # a look may be late
        sent = int(min(now, seconds) * pace)
        shown.append((now, rate.look(sent, now), rate.moving(now)))
    return shown


@pytest.mark.parametrize("pace", [0.4, 1, 2, 3.7, 5, 10, 48, 2_000, 90_000])
def test_a_rate_is_near_the_truth_and_seldom_changes(pace: float):
    begun = 3 + 3 / pace

    shown = [rate for now, rate, _ in watched(pace, begun + 20) if begun < now < begun + 20]

    assert all(abs(rate - pace) <= 0.1 * pace for rate in shown)
    assert sum(one != other for one, other in itertools.pairwise(shown)) <= 20  # in twenty seconds


@pytest.mark.parametrize("pace", [0.4, 1, 3, 10, 2_000])
def test_a_node_with_something_to_do_never_looks_idle_in_between(pace: float):
    begun = 3 + 3 / pace

    moving = {moves for now, _, moves in watched(pace, begun + 20) if begun < now < begun + 20}

    assert moving == {True}


@pytest.mark.parametrize("pace", [1, 10, 2_000])
def test_what_has_ended_is_nothing_soon(pace: float):
    ended = 12.0

    after = [(rate, moves) for now, rate, moves in watched(pace, ended) if now > ended + max(QUIET, 3.5 / pace) + 0.3]

    assert after
    assert set(after) == {(0.0, False)}


def test_a_fast_flow_that_becomes_slow_is_told_within_seconds():
    rate, now, sent = Rate(0, 0.0), 0.0, 0.0
    while now < 10:
        now += 0.2
        sent += 400 if now < 5 else 0.4
        rate.look(int(sent), now)

    assert rate.shown == pytest.approx(2, rel=0.15)


def test_one_message_by_hand_is_seen_and_is_no_rate():
    rate = Rate(5, 100.0)

    shown = rate.look(6, 100.2)
    moves = rate.moving(100.2)

    assert (shown, moves) == (0.0, True)
    assert not rate.moving(100.3 + QUIET)


def test_looks_that_are_rare_tell_a_rate_too():
    shown = [rate for now, rate, _ in watched(100, 60, look=ALONE / 2) if 10 < now < 60]

    assert all(abs(rate - 100) < 5 for rate in shown)


def test_a_flow_that_begins_anew_begins_anew():
    rate = Rate(0, 0.0)
    for number in range(10):
        rate.look(number * 100, number * 0.2)

    assert rate.look(3, 2.0) == 0.0
