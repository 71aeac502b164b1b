"""Verifications per second of the same signed message: ours beside the two packages that implement the same specification."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median
from time import perf_counter

import standardwebhooks
import svix

from adapter.domain.parsing import parse_json
from adapter.signature import STANDARD_WEBHOOKS, new_secret, sign, verify
from tests.bench.measure import table

ROUNDS, TIMES = 5, 3_000


def test_verifying() -> None:
    secret = new_secret(b"measured" * 4)
    body = json.dumps({"type": "order.updated", "data": {"notes": "x" * 900}}).encode()
    now = datetime.now(UTC)
    headers = sign(STANDARD_WEBHOOKS, body, secret, id="msg_1", timestamp=now)
    listed = {name: [value] for name, value in headers.items()}
    theirs, svixes = standardwebhooks.Webhook(secret), svix.Webhook(secret)

    def ours() -> None:
        verify(STANDARD_WEBHOOKS, body, listed, [secret], "", now)

    def ours_parsed() -> None:
        ours()
        parse_json(body)

    variants: dict[str, Callable[[], object]] = {
        "standardwebhooks": lambda: theirs.verify(body, headers),
        "svix": lambda: svixes.verify(body, headers),
        "ours, and exact JSON": ours_parsed,
        "ours": ours,
    }
    samples: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(ROUNDS):
        for name, run in variants.items():
            started = perf_counter()
            for _ in range(TIMES):
                run()
            samples[name].append((perf_counter() - started) / TIMES * 1e6)
    base = median(samples["standardwebhooks"])
    table(
        f"Verifying a message of 1 kB, {ROUNDS} interleaved rounds of {TIMES}, medians (the packages parse the JSON too)",
        ("verified by", "microseconds", "ratio"),
        [(name, median(values), base / median(values)) for name, values in samples.items()],
    )
