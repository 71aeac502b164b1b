"""The installed command and a real service in processes of their own, with a mail server and a consumer beside them."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Self
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from aiosmtpd.controller import Controller

import connectors.shopify
from adapter.signature import new_secret
from tests.house import CONFIGURATION, PATIENCE, SECRETS, SOURCE, reserved, signed_headers

COMMAND = str(Path(sys.executable).with_name("storefront-adapter"))
FIXTURES = Path(connectors.shopify.__path__[0]) / "fixtures"
CREATED = "orders_create--eur-two-rates-code-shipping.json"
REFUNDED = "refunds_create--partial.json"
ORPHAN = "refunds_create--full.json"


class Outside:
    """A mail server that keeps what it gets, and a consumer that answers the statuses of `answers`, then 200."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.answers: list[int] = []
        outside = self

        class Consumer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(outside.answers.pop(0) if outside.answers else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._reserved = reserved()
        self.smtp_port = self._reserved.getsockname()[1]
        self._smtp = Controller(self, hostname="127.0.0.1", port=self.smtp_port, server_hostname="mail.example", ready_timeout=PATIENCE)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Consumer)
        self.consumer = f"http://127.0.0.1:{self._server.server_port}/in"

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802 - the library's name
        self.mails.append(envelope.content)
        return "250 OK"

    def __enter__(self) -> Self:
        self._smtp.start()
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._smtp.stop()
        self._reserved.close()
        self._server.shutdown()
        self._server.server_close()


class Service:
    """A data folder, the commands on it, and a `serve` process between `start` and `stop`."""

    def __init__(self, folder: Path, outside: Outside, configuration: str = CONFIGURATION) -> None:
        self.folder, self.data, self.outside = folder, folder / "data", outside
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("ADAPTER_")} | {
            "ADAPTER_SMTP_HOST": "127.0.0.1",
            "ADAPTER_SMTP_PORT": str(outside.smtp_port),
            "ADAPTER_SMTP_SECURITY": "none",
            "ADAPTER_ALLOWED_NETWORKS": "127.0.0.0/8",
            "ADAPTER_SWEEP_SECONDS": "1",
            "ADAPTER_RENDER_TIMEOUT": "120",
            "SHOPIFY": SECRETS["shopify"],
            "CONSUMER": new_secret(b"consumer" * 4),
        }
        self.configuration = folder / "shop.toml"
        text = configuration.format(mode="live", consumer=outside.consumer) + SOURCE.format(name="shopify", variable="SHOPIFY")
        self.configuration.write_text(text, encoding="utf-8")
        self._process: subprocess.Popen[str] | None = None

    def run(self, *arguments: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command on the data folder and check its exit code."""
        done = run(*arguments, "--data", str(self.data), environment=self.environment | environment)
        assert done.returncode == code, f"{arguments} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *arguments: str) -> Any:
        """What a command prints with `--json`."""
        return json.loads(self.run(*arguments, "--json").stdout)

    def start(self, **environment: str) -> None:
        """Start to serve, and wait until it is ready."""
        command = [COMMAND, "serve", "--data", str(self.data), "--port", "0"]
        with (self.folder / "serve.log").open("a") as log:
            self._process = subprocess.Popen(
                command, env=self.environment | environment, stdout=subprocess.PIPE, stderr=log, text=True, cwd=self.folder
            )
        assert self._process.stdout is not None
        ready = self._process.stdout.readline()
        assert " is ready at " in ready, (self.folder / "serve.log").read_text()
        self.address = ready.split(" is ready at ")[1].split()[0]

    def stop(self) -> None:
        """End the serving process, if there is one."""
        if self._process is not None:
            self._process.terminate()
            assert self._process.wait(PATIENCE) == 0
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def send(self, fixture: str | bytes, topic: str, secret: str | None = None) -> int:
        """Send a Shopify webhook; the answer's status."""
        body = (FIXTURES / fixture).read_bytes() if isinstance(fixture, str) else fixture
        headers = signed_headers("shopify", body, datetime.now(UTC).timestamp(), topic, secret)
        try:
            with urlopen(Request(f"{self.address}/hooks/shopify", body, headers), timeout=PATIENCE) as answer:  # noqa: S310 - our own address
                status: int = answer.status
                return status
        except HTTPError as error:
            return error.code

    def rows(self, question: str, *values: object) -> list[tuple[Any, ...]]:
        """What the database holds, asked past the product."""
        with sqlite3.connect(self.data / "adapter.db", timeout=PATIENCE) as connection:
            return connection.execute(question, values).fetchall()

    def until(self, condition: Callable[[], object]) -> None:
        """Wait until a condition holds."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"it does not come; the log ends with {(self.folder / 'serve.log').read_text()[-2000:]}"
            time.sleep(0.1)

    def idle(self) -> None:
        """Wait until no action runs or is due but those that are retried later."""
        self.until(lambda: not self.rows("SELECT 1 FROM action WHERE state = 'running' OR (state = 'due' AND attempts = 0)"))


def run(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the installed command."""
    return subprocess.run([COMMAND, *arguments], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)


@pytest.fixture(scope="session")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A running service after one day: an order with its refund, a refund whose order never came, what nobody can read, and a forgery.

    The first try of the first message failed. Tests only look at it.
    """
    with Outside() as outside:
        outside.answers = [503]
        service = Service(tmp_path_factory.mktemp("day"), outside)
        service.run("apply", str(service.configuration))
        service.start()
        try:
            assert service.send(CREATED, "orders/create") == 200
            service.idle()
            for fixture, topic in ((CREATED, "orders/create"), (REFUNDED, "refunds/create"), (ORPHAN, "refunds/create")):
                assert service.send(fixture, topic) == 200
            assert service.send(b"{ this is not JSON", "orders/create") == 200
            assert service.send(CREATED, "orders/create", secret="a secret that is not the shop's") == 401
            service.idle()
            service.until(lambda: service.rows("SELECT 1 FROM rejection"))
            yield service
        finally:
            service.stop()
