"""What visits the demo: it counts what it asks, and what was answered."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from pathlib import Path

import pytest

from tinyflow_jupyter import _demo, _visitor

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "01_this_computer.ipynb"


class Answer(http.server.BaseHTTPRequestHandler):
    """Answers with what its server says; every third visitor is turned away when it is told to."""

    def do_GET(self):
        self.server.asked += 1
        busy = self.server.refuse_every and self.server.asked % self.server.refuse_every == 0
        self.send_response(503 if busy else 200)
        self.end_headers()
        self.wfile.write(b'{"cpu": 7}')

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(*, refuse_every=0):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        server.asked, server.refuse_every = 0, refuse_every
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_two_hundred_visits_are_counted():
    with serving() as url:
        report = _visitor.visit(url, 200, 0.0)

    assert (report.asked, report.answered, report.last) == (200, 200, '{"cpu": 7}')


def test_a_visitor_who_was_turned_away_is_counted_too():
    with serving(refuse_every=10) as url:
        report = _visitor.visit(url, 200, 0.0)

    assert report.answered == 180
    assert report.statuses == {"200": 180, "503": 20}


def test_nobody_there_is_said_so(monkeypatch):
    monkeypatch.setattr(_visitor, "PATIENCE", 0.0)

    with pytest.raises(TimeoutError, match="Nobody answered at http://127"):
        _visitor.visit("http://127.0.0.1:1/", 200, 0.0)


def test_a_notebook_that_is_not_there_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit):
        _demo.main(["--headless", "--notebook", str(tmp_path / "no.ipynb")])

    assert "no.ipynb" in capsys.readouterr().err


def test_a_demo_says_what_came_through_and_fails_when_not_everything_was_answered(capsys):
    whole = _visitor.Report(7, 200, 200, {"200": 200}, 8.0, 1.0, 2.0, "{}")
    part = _visitor.Report(7, 200, 199, {"200": 199, "503": 1}, 8.0, 1.0, 2.0, "{}")

    assert _demo.told(whole, "ran", "201 requests answered") == 0
    assert _demo.told(part, "ran", "") == 1
    said = capsys.readouterr()
    assert "200 requests, 200 answered with 200" in said.out
    assert "Not all were answered: {'200': 199, '503': 1}" in said.err


def test_what_jupyterlab_saves_of_a_demo_is_what_the_repository_holds():
    kept = json.loads(NOTEBOOK.read_text())
    ran = json.loads(NOTEBOOK.read_text())
    ran["metadata"]["kernelspec"]["display_name"] = "Python 3 (ipykernel)"
    for cell in ran["cells"]:
        if cell["cell_type"] == "code":
            cell.update(execution_count=1, outputs=[{"output_type": "stream", "name": "stdout", "text": "1"}])

    _demo.without_outputs({"type": "notebook", "content": ran}, path=NOTEBOOK.name)

    assert ran == kept


def test_the_address_that_jupyterlab_prints_is_that_of_the_notebook(monkeypatch):
    given = []
    monkeypatch.setattr("os.execv", lambda _, command: given.extend(command))

    _demo.lab(NOTEBOOK, [])

    assert f"--LabApp.default_url=/lab/tree/{NOTEBOOK.name}" in given
    assert str(NOTEBOOK) not in given


def test_the_extension_that_runs_the_cells_is_where_jupyterlab_looks():
    about = json.loads((_demo.EXTENSIONS / "tinyflow-demo" / "package.json").read_text())

    assert (_demo.EXTENSIONS / "tinyflow-demo" / about["jupyterlab"]["_build"]["load"]).exists()
