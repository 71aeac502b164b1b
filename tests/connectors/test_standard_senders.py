"""The senders in the README are run as they are printed, against a real server, and judged by the reference verifier."""

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from adapter.connector import Context, SourceSettings
from adapter.domain.event import EventType
from adapter.domain.parsing import parse_json
from adapter.signature import Scheme, verify
from connectors.standard import connector
from tests.house import PATIENCE

README = Path(__file__).parents[2] / "connectors/standard/README.md"
SECRET = "whsec_" + base64.b64encode(b"readme-" * 4).decode()
COMMANDS = {"send.py": [sys.executable], "send.sh": ["sh"]}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The README's named code blocks, each saved under its name."""
    blocks = re.findall(r"^```\w+ (\S+)\n(.*?)^```$", README.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    assert [name for name, _ in blocks] == ["order.json", "send.py", "send.sh"]
    for name, text in blocks:
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


class Door(ThreadingHTTPServer):
    """Keeps what it is sent and answers with `status`."""

    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), Visitor)
        self.status = status
        self.received: list[tuple[dict[str, str], bytes]] = []


class Visitor(BaseHTTPRequestHandler):
    server: Door

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def door(request: pytest.FixtureRequest) -> Iterator[Door]:
    server = Door(getattr(request, "param", 200))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def run(files: Path, door: Door, script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMANDS[script], script, "order.completed", "order.json"],
        cwd=files,
        env={"PATH": os.environ["PATH"], "HOOK_URL": f"http://127.0.0.1:{door.server_port}/hooks/shop", "HOOK_SECRET": SECRET},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize("script", COMMANDS)
def test_a_sender_of_the_readme_signs_what_it_sends(files: Path, door: Door, script: str) -> None:
    result = run(files, door, script)

    assert result.returncode == 0, result.stderr
    [(headers, body)] = door.received
    assert headers["content-type"] == "application/json"
    payload = Webhook(SECRET).verify(body, headers)
    assert payload["type"] == "order.completed"
    assert payload["data"] == json.loads((files / "order.json").read_text(encoding="utf-8"))
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + base64.b64encode(b"another" * 4).decode()).verify(body, headers)


@pytest.mark.parametrize("script", COMMANDS)
def test_what_a_sender_of_the_readme_sends_is_an_order(files: Path, door: Door, script: str) -> None:
    run(files, door, script)

    [(headers, body)] = door.received
    assert isinstance(connector.signature, Scheme)
    verify(connector.signature, body, {name: [value] for name, value in headers.items()}, [SECRET], "", datetime.now(UTC))
    payload = parse_json(body)
    topic = connector.topic(payload, connector.hint(headers))
    events = connector.events[topic](payload, Context(topic, SourceSettings()))
    assert [event.type for event in events] == [EventType.ORDER_UPDATED, EventType.ORDER_CREATED, EventType.ORDER_COMPLETED]
    assert events[0].order is not None
    assert events[0].order.totals.total.as_tuple() == (0, (2, 3, 8, 0), -2)
    assert connector.hint(headers).delivery_id == headers["webhook-id"]


@pytest.mark.parametrize("script", COMMANDS)
@pytest.mark.parametrize("door", [503], indirect=True)
def test_a_sender_of_the_readme_fails_when_it_is_refused(files: Path, door: Door, script: str) -> None:
    assert run(files, door, script).returncode != 0
    assert len(door.received) == 1


def test_the_senders_are_short(files: Path) -> None:
    assert len((files / "send.py").read_text().splitlines()) <= 25
    assert len((files / "send.sh").read_text().splitlines()) <= 20
