import statistics

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as some
from tinyflow_runtime.components import Aggregate, AggregateSettings, Summary
from tinyflow_runtime.components.aggregate import summary


def aggregate(**settings) -> Aggregate:
    made = Aggregate()
    made.settings = AggregateSettings(**settings)
    return made


async def test_a_list_of_numbers_has_one_summary(output):
    await aggregate().handle(output, "in", [4, 1, 3, 2])

    assert output.got == [("out", Summary(count=4, sum=10, mean=2.5, min=1, max=4, quantile=2.5))]


async def test_the_number_and_the_group_are_expressions(output):
    node = aggregate(of="msg['mm']", by="msg['kind']", q=1)

    await node.handle(output, "in", [{"kind": "rain", "mm": 3}, {"kind": "sun", "mm": 0}, {"kind": "rain", "mm": 5}])

    assert [(one.group, one.count, one.sum, one.quantile) for one in output.on("out")] == [
        ("rain", 2, 8, 5), ("sun", 1, 0, 0),
    ]  # fmt: skip


async def test_an_empty_list_has_no_summary(output):
    await aggregate().handle(output, "in", [])

    assert output.got == []


@pytest.mark.parametrize("item", ["7", None, True, [1]])
async def test_what_is_no_number_is_named_with_its_place(output, item):
    with pytest.raises(TypeError, match=r"Item 1 of the list gives .*, which is no number"):
        await aggregate().handle(output, "in", [1, item])


async def test_nan_is_refused_for_it_would_make_every_figure_nan(output):
    with pytest.raises(ValueError, match="Item 0 of the list gives nan"):
        await aggregate().handle(output, "in", [float("nan")])


@given(some.lists(some.floats(-1e9, 1e9), min_size=1), some.floats(0, 1))
def test_figures_agree_with_the_standard_library_and_numpy(numbers, q):
    made = summary(numbers, q=q)

    assert made.count == len(numbers)
    assert made.mean == pytest.approx(statistics.fmean(numbers), abs=1e-6)
    assert (made.min, made.max) == (min(numbers), max(numbers))
    assert made.quantile == pytest.approx(float(numpy.quantile(numbers, q)), abs=1e-5)


def test_whole_numbers_keep_a_whole_sum():
    assert summary([1, 2, 2**60]).sum == 2**60 + 3
