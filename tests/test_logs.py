"""Logs: one line per event whatever is in it, and nothing that a terminal would obey."""

import json
import logging

import pytest
import structlog

from adapter import logs


@pytest.fixture(autouse=True)
def as_before() -> object:
    """Leaves logging as it was found."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.configure(**before)


@pytest.mark.parametrize("form", ["json", "console"])
def test_what_somebody_wrote_is_neither_a_line_nor_a_command(capsys: pytest.CaptureFixture[str], form: str) -> None:
    """Line breaks, terminal commands and half characters are shown, not obeyed; letters of any script stay as they are."""
    logs.configure("info", form)  # type: ignore[arg-type]
    structlog.get_logger("own").warning(
        "seen", topic='orders/paid\n{"level": "error"}', reason="\x1b[31mred\x9b\u2028\udc80", order="Bücher 本"
    )
    logging.getLogger("foreign").warning("from\x1b[2Jelsewhere\r\nX: y")
    own, foreign, *more = capsys.readouterr().err.split("\n")
    assert more == [""]
    assert "\x1b[31mred" not in own
    assert "\x9b" not in own
    if form == "json":
        told = json.loads(own)
        assert (told["topic"], told["reason"]) == ('orders/paid\\n{"level": "error"}', "\\x1b[31mred\\x9b\\u2028\\udc80")
        assert (told["order"], json.loads(foreign)["event"]) == ("Bücher 本", "from\\x1b[2Jelsewhere\\r\\nX: y")
    assert "\x1b[2J" not in foreign
