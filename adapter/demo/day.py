"""The day itself: what is sent, in which order, and what must have come of it at the end."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from adapter.demo import backend, sellapp, shopify, woocommerce

Payload = dict[str, Any]

PLATFORMS = {"shop": "shopify", "woo": "woocommerce", "downloads": "sellapp", "backend": "standard"}
"""Source to the platform that it stands for."""

CREATED, PAID, SENT, OVERDUE = "invoice.created", "invoice.paid", "invoice.sent", "invoice.overdue"
CREDITED = ("credit_note.created", "credit_note.sent")


@dataclass(frozen=True)
class ExpectedDocument:
    """A document that must exist, and the subject of the one mail that must have brought it."""

    kind: str
    total: str
    status: str
    subject: str


@dataclass(frozen=True)
class Expected:
    """What must have come of one order: its documents in the order of their making, and a message for each of `events`."""

    source: str
    number: str
    title: str
    currency: str
    documents: tuple[ExpectedDocument, ...]
    events: Counter[str]

    @property
    def credited_fully(self) -> bool:
        """Whether the credit notes must come to the invoice's total."""
        return self.documents[0].status == "credited"


@dataclass(frozen=True)
class Step:
    """One request. After it the order's messages are `events` and its mails `mails` in number, all told.

    Where it must change nothing, the order's story is compared before and after it. `comes_too_early` is the platform's id of an order
    that is not known by its number yet, since what is sent must wait for it.
    """

    source: str
    number: str
    what: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    events: tuple[str, ...] = ()
    mails: int = 0
    answer: int = 200
    forged: bool = False
    changes_nothing: bool = False
    comes_too_early: str = ""


@dataclass(frozen=True)
class Chapter:
    """Steps under a heading."""

    title: str
    steps: Sequence[Step]


EXPECTED = (
    Expected(
        "shop",
        "1001",
        "Shopify: created, paid, partly refunded, then the rest",
        "EUR",
        (
            ExpectedDocument("invoice", "124.70", "credited", "Rechnung zu Bestellung #1001"),
            ExpectedDocument("credit_note", "44.10", "open", "Rechnungskorrektur zu Bestellung #1001"),
            ExpectedDocument("credit_note", "80.60", "open", "Rechnungskorrektur zu Bestellung #1001"),
        ),
        Counter((CREATED, PAID, SENT, *CREDITED, *CREDITED)),
    ),
    Expected(
        "woo",
        "2001",
        "WooCommerce: pending, paid, completed, partly refunded",
        "GBP",
        (
            ExpectedDocument("invoice", "64.80", "paid", "Invoice for Order #2001"),
            ExpectedDocument("credit_note", "8.00", "open", "Credit note for Order #2001"),
        ),
        Counter((CREATED, PAID, SENT, *CREDITED)),
    ),
    Expected(
        "downloads",
        "23077",
        "SellApp: pending, paid",
        "USD",
        (ExpectedDocument("invoice", "29.00", "paid", "Invoice for Order #23077"),),
        Counter({CREATED: 1, PAID: 1, SENT: 1}),
    ),
    Expected(
        "backend",
        "B-77",
        "Own backend: paid",
        "JPY",
        (ExpectedDocument("invoice", "11550", "paid", "Invoice for Order #B-77"),),
        Counter({CREATED: 1, PAID: 1, SENT: 1}),
    ),
    Expected(
        "shop",
        "1002",
        "Shopify: refunded before it was heard of",
        "EUR",
        (
            ExpectedDocument("invoice", "44.90", "credited", "Invoice for Order #1002"),
            ExpectedDocument("credit_note", "44.90", "open", "Credit note for Order #1002"),
        ),
        Counter((CREATED, PAID, SENT, *CREDITED)),
    ),
    Expected(
        "backend",
        "B-78",
        "Own backend: on account, overdue",
        "EUR",
        (ExpectedDocument("invoice", "238.00", "past_due", "Zahlungserinnerung: Rechnung {number}"),),
        Counter({CREATED: 1, OVERDUE: 1}),
    ),
)


def day(now: datetime) -> list[Chapter]:
    """Every chapter, with the times of its payloads a little before `now`."""
    at = now.replace(microsecond=0) - timedelta(minutes=10)
    later = [at + timedelta(minutes=minutes) for minutes in range(10)]
    paid = _shopify("1001", "orders/paid", shopify.lantern_order(later[1], paid=True), (CREATED, PAID, SENT), 1)
    rest = (CREATED, PAID, SENT, *CREDITED, *CREDITED)
    return [
        Chapter(
            "A Shopify order, paid later, goes back in two parts",
            [
                _shopify("1001", "orders/create", shopify.lantern_order(at, paid=False), (CREATED,), 0),
                paid,
                _shopify("1001", "refunds/create", shopify.lantern_refund(later[2]), rest[:5], 2),
                _shopify("1001", "refunds/create", shopify.rest_refund(later[3]), rest, 3),
            ],
        ),
        Chapter(
            "Somebody forges a refund; Shopify repeats itself",
            [
                Step(
                    "shop",
                    "1001",
                    "refunds/create, signed with a wrong secret",
                    _json(shopify.lantern_refund(later[4]) | {"id": 944000000066}),
                    {**paid.headers, "X-Shopify-Topic": "refunds/create"},
                    rest,
                    3,
                    answer=401,
                    forged=True,
                    changes_nothing=True,
                ),
                Step("shop", "1001", "orders/paid once more", paid.body, paid.headers, rest, 3, changes_nothing=True),
            ],
        ),
        Chapter("A WooCommerce order", _woocommerce(at)),
        Chapter(
            "A SellApp order",
            [
                Step("downloads", "23077", "order.created", _json(sellapp.order(at, "PENDING"))),
                Step("downloads", "23077", "order.paid", _json(sellapp.order(at, "PAID")), {}, (CREATED, PAID, SENT), 1),
            ],
        ),
        Chapter(
            "An order of the merchant's own backend",
            [Step("backend", "B-77", "order.completed", _json(backend.paid_order(at)), {}, (CREATED, PAID, SENT), 1)],
        ),
        Chapter(
            "A refund that arrives before its order",
            [
                replace(_shopify("1002", "refunds/create", shopify.bell_refund(later[5]), (), 0), comes_too_early=shopify.BELL_ORDER),
                _shopify("1002", "orders/create", shopify.bell_order(at), (CREATED, PAID, SENT, *CREDITED), 2),
            ],
        ),
        Chapter(
            "An order on account that nobody paid",
            [Step("backend", "B-78", "order.completed", _json(backend.unpaid_order(at)), {}, (CREATED, OVERDUE), 1)],
        ),
    ]


def _shopify(number: str, topic: str, payload: Payload, events: tuple[str, ...], mails: int) -> Step:
    headers = {"X-Shopify-Topic": topic, "X-Shopify-Shop-Domain": shopify.SHOP_DOMAIN, "X-Shopify-API-Version": "2026-01"}
    return Step("shop", number, topic, _json(payload), headers, events, mails)


def _woocommerce(at: datetime) -> list[Step]:
    def step(topic: str, payload: Payload, events: tuple[str, ...], mails: int) -> Step:
        headers = {"X-WC-Webhook-Topic": topic, "X-WC-Webhook-Source": woocommerce.SITE}
        return Step("woo", "2001", f"{topic} ({payload['status']})", _json(payload), headers, events, mails)

    settled = (CREATED, PAID, SENT)
    return [
        step("order.created", woocommerce.order(at, "pending"), (), 0),
        step("order.updated", woocommerce.order(at, "processing"), settled, 1),
        step("order.updated", woocommerce.order(at, "completed"), settled, 1),
        step("order.updated", woocommerce.order(at, "completed", refunded=True), (*settled, *CREDITED), 2),
    ]


def _json(payload: Payload) -> bytes:
    return json.dumps(payload, ensure_ascii=False).encode()
