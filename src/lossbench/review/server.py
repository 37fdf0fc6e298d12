"""`python -m lossbench.review.server`: MLflow's UI on this machine alone, with links to what was compared.

port=5000              of 127.0.0.1
tracking.uri=...       where the runs are; default: MLFLOW_TRACKING_URI or sqlite:///mlflow.db
browser=false          open no browser
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import webbrowser
from collections.abc import Iterator, Sequence
from urllib.error import URLError
from urllib.request import urlopen

from lossbench.cli import command
from lossbench.errors import InputError
from lossbench.review.__main__ import port_of
from lossbench.tracking.address import Address, check_reachable, parse, resolve_uri
from lossbench.tracking.places import bring_along
from lossbench.tracking.quiet import settle_environment

HOST = "127.0.0.1"
START_SECONDS = 120.0
_END_SECONDS = 10.0
# MLflow's own links drop the mode from the address, and only its switch makes it remember one.
_HINT = "In MLflow click Model training (top left) once; MLflow remembers it."


@contextlib.contextmanager
def serving(address: Address, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """MLflow's server on a database, from when it answers until the end of the block.

    Raises:
        InputError: the port is taken, or the server ends instead of answering.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise InputError(
                f"Port {port} is taken, perhaps by a server that still runs: open it, or choose another port "
                f"(make ui PORT={port + 1})."
            ) from None
    line = [sys.executable, "-m", "lossbench.review.guard"]
    line += [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port)]
    line += ["--backend-store-uri", address.uri, "--workers", "1"]
    settle_environment()
    # What MLflow says at its start is no news to anyone, so it is shown only where it ends by itself.
    with tempfile.TemporaryFile() as said:
        server = subprocess.Popen(
            line,
            # Without the processes for jobs of language models, which take most of the time of a start.
            env={"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **os.environ},
            start_new_session=True,
            stdin=subprocess.PIPE,  # its end is how the guard knows that this process is gone
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait(server, port)
            yield server
        finally:
            if server.poll() is not None:
                said.seek(0)
                sys.stderr.write(said.read().decode(errors="replace"))
            _end(server)


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if server.poll() is not None:
            raise InputError(
                f"MLflow's server ended at its start (exit status {server.returncode}); see above."
            )
        with contextlib.suppress(URLError, OSError), urlopen(f"http://{HOST}:{port}/health", timeout=2):
            return
        time.sleep(0.2)
    raise InputError(f"MLflow's server does not answer on port {port} after {START_SECONDS:.0f} s.")


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the server with the processes that it started: they are a session of their own."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, kind)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(_END_SECONDS)
            return


def main(arguments: Sequence[str]) -> None:
    """Serve until Ctrl-C.

    Raises:
        InputError: there is nothing to serve.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    given = command.options(arguments, ("port", "tracking.uri", "browser"))
    port, uri = port_of(given), resolve_uri(given.get("tracking.uri"))
    address = parse(uri)
    if address.kind == "http":
        raise InputError(f"{address.spoken} is a server already; open it in a browser.")
    if address.path and not address.path.exists():
        raise InputError(
            f"There is no tracking database {address.path}; "
            "run a sweep first (make demo), or name another with tracking.uri."
        )
    check_reachable(address)
    if address.path:
        bring_along(address.path)  # MLflow looks for artifacts where the database says

    from lossbench.review.refresh import outdated
    from lossbench.review.sweep import make

    for name in outdated(uri):  # a sweep that was killed, or trains still, could not summarise its runs
        make(uri, name)
    print(f"Starting MLflow on {address.spoken} ...", flush=True)
    with contextlib.suppress(KeyboardInterrupt):  # the usual end
        with serving(address, port) as server:
            first = _tell(uri, port)
            if given.get("browser", "true") != "false" and _may_open():
                webbrowser.open(first)
            server.wait()
        raise InputError(f"MLflow's server ended (exit status {server.returncode}); see above.")
    print()


def _tell(uri: str, port: int) -> str:
    """Print the links of every experiment; the page to open: the charts of the one that trained last."""
    from lossbench.review.links import links

    found = sorted(links(uri, port=port), key=lambda one: one.trained)
    for one in found:
        print("\n".join([one.experiment, *one.lines()]))
    print(_HINT)
    print("Ctrl-C ends it.", flush=True)
    return found[-1].charts if found else f"http://{HOST}:{port}/#/experiments?workflowType=machine_learning"


def _may_open() -> bool:
    """Whether a browser can open a window, and a person asked for it."""
    shown = sys.platform in ("darwin", "win32") or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    return shown and sys.stdout.isatty()


if __name__ == "__main__":
    command.run("lossbench.review.server", main, __doc__)
