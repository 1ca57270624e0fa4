"""What visits the demo: it counts what it asks, and what was answered."""

from __future__ import annotations

import contextlib
import http.server
import threading

import pytest

from tinyflow_jupyter import _demo


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
        report = _demo.visit(url)

    assert (report["asked"], report["answered"], report["last"]) == (200, 200, '{"cpu": 7}')


def test_a_visitor_who_was_turned_away_is_counted_too():
    with serving(refuse_every=10) as url:
        report = _demo.visit(url)

    assert report["answered"] == 180
    assert report["statuses"] == {"200": 180, "503": 20}


def test_nobody_there_is_said_so(monkeypatch):
    monkeypatch.setattr(_demo, "PATIENCE", 0.0)

    with pytest.raises(SystemExit, match="Nobody answered at http://127"):
        _demo.visit("http://127.0.0.1:1/")


def test_a_notebook_that_is_not_there_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit):
        _demo.main(["--headless", "--notebook", str(tmp_path / "no.ipynb")])

    assert "no.ipynb" in capsys.readouterr().err
