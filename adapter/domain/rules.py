"""The event-to-action table: which action follows from which event, on what conditions, with what parameters.

When an invoice is issued (on creation, completion, payment, fulfilment, or N hours after one of them) is nothing but the event and the
delay of the row whose action is `issue_invoice`.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from adapter.domain.event import EventType
from adapter.domain.frozen import Frozen
from adapter.domain.money import Amount, CurrencyCode
from adapter.domain.order import CountryCode, Name, Order
from adapter.errors import Ignored


class ActionKind(StrEnum):
    """The actions that a rule can ask for, and after them those that the adapter needs for itself."""

    ISSUE_INVOICE = "issue_invoice"
    ISSUE_CREDIT_NOTE = "issue_credit_note"
    AMEND_INVOICE = "amend_invoice"
    SEND_INVOICE = "send_invoice"
    SEND_CREDIT_NOTE = "send_credit_note"
    SEND_REMINDER = "send_reminder"
    NOTIFY = "notify"

    NORMALISE = "normalise"
    CHECK_VAT_ID = "check_vat_id"
    RENDER = "render"
    CLEAR = "clear"
    DELIVER = "deliver"
    PRIVACY = "privacy"
    RETENTION = "retention"


CONFIGURABLE = frozenset(list(ActionKind)[:7])


def _pattern(value: str) -> str:
    if not any(fnmatchcase(type.value, value) for type in EventType):
        raise ValueError(f"{value!r} matches no event; there are: {', '.join(EventType)}")
    return value


EventPattern = Annotated[str, AfterValidator(_pattern)]
"""The name of an event, or a pattern such as `invoice.*`."""


class Conditions(Frozen):
    """What an order must be for a rule to apply; what is not given is not asked. Countries are the recipient's, else the buyer's."""

    countries: tuple[CountryCode, ...] = ()
    not_countries: tuple[CountryCode, ...] = ()
    currencies: tuple[CurrencyCode, ...] = ()
    total_at_least: Amount | None = None
    total_at_most: Amount | None = None
    gateways: tuple[Name, ...] = ()
    tags: tuple[Name, ...] = ()
    test: bool = False
    """Whether the rule is for orders that the platform marks as tests; never for both."""

    def unmet(self, order: Order) -> str | None:
        """Why the order does not meet these conditions, or None when it does."""
        country = country_of(order)
        gateways = {name for payment in order.payments for name in (payment.gateway, payment.method) if name}
        total = order.totals.total
        unmet = [
            (order.test != self.test, "the order is a test" if order.test else "the order is not a test"),
            (
                bool(self.countries) and country not in self.countries,
                f"country {country or 'unknown'} is not one of {', '.join(self.countries)}",
            ),
            (bool(self.not_countries) and country in self.not_countries, f"country {country} is excluded"),
            (
                bool(self.currencies) and order.currency not in self.currencies,
                f"currency {order.currency} is not one of {', '.join(self.currencies)}",
            ),
            (self.total_at_least is not None and total < self.total_at_least, f"total {total} is below {self.total_at_least}"),
            (self.total_at_most is not None and total > self.total_at_most, f"total {total} is above {self.total_at_most}"),
            (bool(self.gateways) and not _common(gateways, self.gateways), f"gateway is not one of {', '.join(self.gateways)}"),
            (bool(self.tags) and not _common(order.tags, self.tags), f"has none of the tags {', '.join(self.tags)}"),
        ]
        return next((reason for failed, reason in unmet if failed), None)


def _common(some: Iterable[str], others: Iterable[str]) -> set[str]:
    """The names in both, whatever their case: platforms write `PayPal` and `paypal`."""
    return {name.casefold() for name in some} & {name.casefold() for name in others}


class Parameters(Frozen):
    """How an action is done."""

    delay_hours: int = Field(default=0, ge=0, le=8_760)
    """Hours after the event."""
    recipients: tuple[Name, ...] = ()
    """Where mail goes instead of to the buyer."""
    copies: tuple[Name, ...] = ()
    """Where mail goes as well, each as a mail of its own."""
    template: Name | None = None
    """A mail template of the source; the one named like the kind of mail where absent."""
    language: str | None = None
    zero_totals: bool = True
    """Whether an order that cost nothing gets an invoice."""


class Rule(Frozen):
    """A row of the table."""

    event: EventPattern
    action: ActionKind
    conditions: Conditions = Conditions()
    parameters: Parameters = Parameters()
    enabled: bool = True

    @model_validator(mode="after")
    def _configurable(self) -> "Rule":
        if self.action not in CONFIGURABLE:
            raise ValueError(f"{self.action.value!r} is not an action for rules; there are: {', '.join(sorted(CONFIGURABLE))}")
        return self

    def matches(self, event: EventType) -> bool:
        """Whether this row is about the event."""
        return self.enabled and fnmatchcase(event.value, self.event)


DEFAULT_TABLE = (
    Rule(event="order.completed", action=ActionKind.ISSUE_INVOICE),
    Rule(event="payment.confirmed", action=ActionKind.SEND_INVOICE),
    Rule(event="refund.issued", action=ActionKind.ISSUE_CREDIT_NOTE),
    Rule(event="order.cancelled", action=ActionKind.ISSUE_CREDIT_NOTE),
    Rule(event="order.updated", action=ActionKind.AMEND_INVOICE),
    Rule(event="credit_note.created", action=ActionKind.SEND_CREDIT_NOTE),
    Rule(event="invoice.overdue", action=ActionKind.SEND_REMINDER),
    Rule(event="invoice.*", action=ActionKind.NOTIFY),
    Rule(event="credit_note.*", action=ActionKind.NOTIFY),
)


def table(own: Sequence[Rule]) -> tuple[Rule, ...]:
    """A source's whole table: its own rows replace the default rows of the actions that they name, the others stay."""
    named = {rule.action for rule in own}
    return (*own, *(rule for rule in DEFAULT_TABLE if rule.action not in named))


def route(event: EventType, rows: Sequence[Rule]) -> dict[ActionKind, tuple[Rule, ...]]:
    """The actions that follow from an event, each with its candidate rows in order; `choose` picks one when the order is known."""
    found: dict[ActionKind, tuple[Rule, ...]] = {}
    for rule in rows:
        if rule.matches(event):
            found[rule.action] = (*found.get(rule.action, ()), rule)
    return found


def choose(candidates: Sequence[Rule], order: Order) -> Rule:
    """The first candidate whose conditions the order meets. Raises `Ignored` with each reason when it meets none."""
    reasons = []
    for rule in candidates:
        reason = rule.conditions.unmet(order)
        if reason is None:
            return rule
        reasons.append(reason)
    raise Ignored("no rule applies: " + "; ".join(dict.fromkeys(reasons)))


def country_of(order: Order) -> str | None:
    """Where the goods go, else where the buyer is."""
    for party in (order.ship_to, order.buyer):
        if party is not None and party.address is not None and party.address.country:
            return party.address.country
    return None
