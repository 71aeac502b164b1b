"""Almost right deliveries: whatever stands in a signed body, facts come out or an error that says what to do."""

import json
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from adapter.conformance.base import URL, Suite
from adapter.conformance.fixtures import Case
from adapter.conformance.mutations import LARGE_ID, mutations, personal_texts, with_large_ids
from adapter.connector import Answer, Hint, Inbound, Json
from adapter.domain.event import Event
from adapter.errors import GiveUp, Ignored

_STRANGE_BODIES = (b"", b"\xff\xfe", b"null", b"[]", b'"text"', b"{", b"a=1&a=2", b"webhook_id=1", b"[" * 5_000)
_LONGEST_MESSAGE = 1_000


class HostileTests(Suite):
    """Every recorded delivery, with every place in it changed."""

    def test_changed_bodies(self, case: Case) -> None:
        """Every key removed, nulled, made huge, or of another type: only events, `GiveUp` or `Ignored` come out.

        Their messages are short, and tell none of the names, addresses, e-mails and phones in the body: they may be logged.
        """
        people = personal_texts(case.payload)
        for what, payload in mutations(case.payload, self.mutation_limit):
            message = self._outcome(case, payload, what)
            if message is not None:
                assert 0 < len(message) <= _LONGEST_MESSAGE, f"{what}: a message of {len(message)} characters"
                assert not [text for text in people if text in message], f"{what}: the message tells personal data: {message}"

    def test_changed_pulls(self, case: Case) -> None:
        """The same for what was pulled from the platform, and for a pull that failed."""
        for what, changed in self._changed_pulls(case):
            self._outcome(changed, changed.payload, what)

    def test_large_ids_keep_their_digits(self, case: Case) -> None:
        """An id beyond 2^53 comes out digit by digit, or not at all: never as the nearest double."""
        for path, payload in with_large_ids(case.payload):
            try:
                events = case.translate(payload)
            except (GiveUp, Ignored):
                continue
            text = json.dumps([event.model_dump(mode="json") for event in events])
            for wrong in (str(LARGE_ID - 1), f"{float(LARGE_ID)}", f"{LARGE_ID:e}"):
                assert wrong not in text, f"{path} came out as {wrong}"

    def test_large_order_id_is_kept(self) -> None:
        """Where the order's own id is that large, the facts carry it."""
        kept = False
        for case in self.cases():
            for event in case.events() if case.translated else []:
                for _, payload in with_large_ids(case.payload) if str(event.order_id).isdecimal() else []:
                    kept = kept or any(changed.order_id == str(LARGE_ID) for changed in self._events(case, payload))
            if kept:
                return
        pytest.skip("no fixture has an order id made of digits")

    def test_strange_headers_give_a_hint(self) -> None:
        """`hint` reads what anybody may have written."""
        names = [*self.connector.headers, "x-unknown"]
        for value in ("", " ", "ünï", "\udcff", "9" * 10_000, "/", "null"):
            hint = self.connector.hint(dict.fromkeys(names, value))
            assert isinstance(hint, Hint)
            assert all(isinstance(claim, str) for claim in (hint.topic, hint.delivery_id, hint.shop))
        assert isinstance(self.connector.hint({}), Hint)

    def test_strange_requests_shake_no_hands(self) -> None:
        """`handshake` and `check` see requests before they are verified or read: they answer or pass on, and never fail."""
        settings = [case.context.settings for case in self.cases()[:1]]
        for body in (*_STRANGE_BODIES, *(case.body for case in self.cases()[:1])):
            for headers in ({}, {"content-type": "application/x-www-form-urlencoded"}, {"content-type": "application/json; charset=x"}):
                request = Inbound("POST", URL, {**dict.fromkeys(self.connector.headers, "\udcff"), **headers}, body)
                for known in settings:
                    answer = self.connector.handshake(request, known) if self.connector.handshake else None
                    assert answer is None or isinstance(answer, Answer)
                    refusal = self.connector.check(request, known) if self.connector.check else None
                    assert refusal is None or isinstance(refusal, str)

    def test_a_body_does_not_choose_whom_to_ask(self, case: Case) -> None:
        """The hosts that a delivery makes the adapter talk to come from the settings, never from the body."""
        hosts = self._asked(case, case.payload)
        assert all(scheme == "https" for scheme, _ in hosts)
        for what, payload in mutations(case.payload, self.mutation_limit if hosts else 0):
            assert self._asked(case, payload) <= hosts, f"{what}: would ask another host"

    def _asked(self, case: Case, payload: Json) -> set[tuple[str, str | None]]:
        """Scheme and host of each request that a body needs."""
        try:
            pulls = self.connector.pull(payload, case.context) if self.connector.pull else ()
        except (GiveUp, Ignored):
            return set()
        return {(urlsplit(pull.url).scheme, urlsplit(pull.url).hostname) for pull in pulls}

    def _changed_pulls(self, case: Case) -> Iterator[tuple[str, Case]]:
        for name, value in case.context.pulled.items():
            rest = {other: kept for other, kept in case.context.pulled.items() if other != name}
            yield f"{name} was not pulled", replace(case, context=replace(case.context, pulled=rest))
            for what, changed in mutations(value, self.mutation_limit):
                yield f"pulled {name}: {what}", replace(case, context=replace(case.context, pulled={**rest, name: changed}))

    def _events(self, case: Case, payload: Json) -> list[Event]:
        try:
            return case.translate(payload)
        except (GiveUp, Ignored):
            return []

    def _outcome(self, case: Case, payload: Json, what: str) -> str | None:
        """The message of the error, or None when events came out. Anything else fails the test, with what was changed."""
        try:
            assert isinstance(self.connector.topic(payload, Hint(topic=case.topic)), str), f"{what}: the topic is not a text"
            events = case.translate(payload)
            for event in events:
                assert isinstance(event, Event), f"{what}: {type(event).__name__} is not an Event"
                event.canonical()
        except (GiveUp, Ignored) as error:
            return str(error)
        except AssertionError:
            raise
        except Exception as error:
            raise AssertionError(f"{what}: {type(error).__name__} came out, not an event, GiveUp or Ignored: {error!s:.300}") from error
        return None
