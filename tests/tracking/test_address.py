"""A wrong tracking address is told in one sentence, before anything trains."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from lossbench.errors import InputError
from lossbench.tracking import Store, resolve_uri
from lossbench.tracking.address import Address, parse
from lossbench.tracking.bulk_writer import BulkWriter


def test_the_address_is_the_configured_or_mlflows_or_a_file_here(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_uri(None) == "sqlite:///mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:5000")
    assert resolve_uri(None) == "http://localhost:5000"
    assert resolve_uri("sqlite:///mine.db") == "sqlite:///mine.db"


def test_a_relative_file_stays_where_it_was_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = parse("sqlite:///a folder/mine.db")
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    assert address.path == folder / "a folder" / "mine.db"
    assert address.uri == f"sqlite:///{folder}/a folder/mine.db"


@pytest.mark.parametrize(
    "uri",
    [
        "mlruns",
        "./mlruns",
        "file:///somewhere/mlruns",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "databricks",
        "ftp://host/x",
        "http://",
        "http://host:99999",
        "http://host:port",
        "postgresql:///database",
    ],
)
def test_what_is_no_address_is_refused(uri: str) -> None:
    with pytest.raises(InputError, match=r"^tracking\.uri=.* would be right\.$"):
        Store(uri)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("sqlite:////tmp", "names a folder; name a file in it, as in sqlite:////tmp/mlflow.db"),
        ("sqlite:///.", "names a folder; name a file in it"),
        ("sqlite:///" + "m" * 300, "cannot name a file (File name too long); name another"),
        ("sqlite:///" + "m" * 250, "cannot name a file (File name too long); name another"),  # + "-journal"
        ("sqlite:///" + "m/" * 3000 + "m.db", "cannot name a file (File name too long); name another"),
        ("sqlite:///m\0.db", "cannot name a file (it holds a NUL); name another"),
        ("sqlite:///m.db?mode=ro", "has options behind a question mark, which are not taken; leave them out"),
    ],
)
def test_what_is_no_place_for_a_database_is_refused(uri: str, said: str, folder: Path) -> None:
    with pytest.raises(InputError) as refusal:
        Store(uri)
    assert said in str(refusal.value)
    assert len(str(refusal.value)) < 400
    assert list(folder.iterdir()) == []


def test_a_store_whose_place_cannot_be_used_closes_without_another_word(folder: Path) -> None:
    (folder / "mlflow.db").write_text("no database at all" * 100)
    store = Store("sqlite:///mlflow.db")
    with pytest.raises(InputError, match="is not a complete MLflow database"):
        store.prepare()
    store.close()
    assert not BulkWriter.knows(store.address)
    assert not BulkWriter.knows(Address("", "sqlite", folder))  # sqlite cannot open a folder
    assert not BulkWriter.knows(Address("", "sqlite", folder / ("m" * 300)))


def test_a_password_is_not_shown() -> None:
    assert "secret" not in parse("postgresql://me:secret@host/database").spoken


def unused_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_is_not_there(scheme: str, folder: Path) -> None:
    store = Store(f"{scheme}://127.0.0.1:{unused_port()}/x")
    with pytest.raises(InputError, match=r"cannot be used: Connection refused; start it, or name another"):
        store.prepare()
    assert list(folder.iterdir()) == []


def test_a_host_that_nobody_knows() -> None:
    with pytest.raises(InputError, match=r"cannot be used: .*; start it, or name another"):
        Store("http://nobody-knows-this-host.invalid:5000").prepare()


def test_a_server_that_accepts_and_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(InputError, match="cannot be used"):
        Store(f"http://127.0.0.1:{silent.getsockname()[1]}").prepare()


@pytest.fixture
def other_server() -> Iterator[str]:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path.startswith("/blog")
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Other)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_server_that_is_not_mlflows(other_server: str) -> None:
    with pytest.raises(InputError, match="it answers 404 Not Found to /health"):
        Store(other_server).prepare()
    with pytest.raises(InputError, match="what answers there is not an MLflow server"):
        Store(f"{other_server}/blog").prepare()


@pytest.mark.parametrize(("scheme", "name"), [("postgresql+nosuch", "nosuch"), ("mssql+pymssql", "pymssql")])
def test_a_missing_driver_is_named(scheme: str, name: str) -> None:
    with pytest.raises(
        InputError, match=rf"needs a Python package that is not there \(.*{name}.*\); install"
    ):
        Store(f"{scheme}://127.0.0.1/x").prepare()


def test_a_refusal_names_what_has_set_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense")
    with pytest.raises(InputError, match=r"^MLFLOW_TRACKING_URI=nonsense is no database or server address"):
        parse(resolve_uri(None))
    with pytest.raises(InputError, match=r"^tracking\.uri=other is no database or server address"):
        parse(resolve_uri("other"))
