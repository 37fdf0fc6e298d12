"""Printed links lead to a port on which MLflow can be seen."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from lossbench.review.links import PORT, served, usable


@pytest.mark.parametrize(("says", "moves"), [(b"OK", False), (b"another program", True)])
def test_a_port_that_another_program_has_is_not_linked_to(says: bytes, moves: bool) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(says)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        assert (usable(server.server_port) > server.server_port) == moves
    finally:
        server.shutdown()
        server.server_close()


def test_a_free_port_is_taken_as_it_is() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert usable(port) == port


def test_the_commands_name_the_port_where_it_is_another() -> None:
    uri = "sqlite:///mlflow.db"
    assert (
        served(uri, "x", PORT) == "x in a browser, once make ui runs (or python -m lossbench.review.server):"
    )
    assert "make ui PORT=5001 runs (or python -m lossbench.review.server port=5001)" in served(uri, "x", 5001)
