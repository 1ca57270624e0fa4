import logging

import pytest
from tinyflow_runtime.execution.context import Context, NoContext, context, current


def test_a_context_outside_a_handler_is_an_error_that_says_where_to_call_it():
    with pytest.raises(RuntimeError, match="TF-137") as caught:
        context()

    assert isinstance(caught.value, NoContext)
    assert "test_context.py, line" in caught.value.where


def test_the_context_is_made_by_what_the_runner_has_set():
    token = current.set(lambda: Context("double", "in", message_id="m1", trace="m0", idempotency_key="k"))
    try:
        found = context()
    finally:
        current.reset(token)

    assert (found.node, found.port, found.message_id, found.trace, found.attempt) == ("double", "in", "m1", "m0", 1)
    assert found.cancelled is False


def test_the_log_of_a_context_names_node_and_message(caplog):
    with caplog.at_level(logging.INFO):
        Context("double", "in", message_id="m1").log.info("hello")

    record = caplog.records[0]
    assert (record.name, record.node, record.message_id) == ("tinyflow.double", "double", "m1")
