"""What the core needs to know about Shopify: how it signs, which topics there are, and what each of them says.

Vendor's pages: https://shopify.dev/docs/apps/build/webhooks and https://shopify.dev/docs/api/webhooks
"""

from collections.abc import Callable, Mapping, Sequence

from pydantic import ValidationError

from adapter.connector import Connector, Context, Headers, Hint, Inbound, Json, SourceSettings, Translate
from adapter.domain.event import Event, EventType, facts
from adapter.domain.frozen import canonical_json, digest
from adapter.errors import GiveUp, Ignored
from adapter.signature import Scheme
from connectors.shopify.normalise import PAYMENT_KINDS, PAYMENT_STATUS, order, payment, wanted_side
from connectors.shopify.payload import Record, Unreadable
from connectors.shopify.refund import refund
from connectors.shopify.settings import ShopifySettings
from connectors.shopify.topics import IGNORED

SAMPLE_ORDER = "820982911946154508"
"""The order of every body that `Send test notification` sends; only those of whole orders say `test: true` themselves."""

_RECEIVED = {"sale", "capture"}
_HEADERS = ("topic", "shop-domain", "api-version", "webhook-id", "event-id", "triggered-at", "name", "test")

Read = Callable[[Record, ShopifySettings], Sequence[Event]]


def _order(payload: Record, settings: ShopifySettings) -> Sequence[Event]:
    whole = payload.record("order") if payload.record("order").data else payload
    try:
        return facts(order(whole, settings))
    except (Unreadable, ValidationError):
        if whole.flag("test"):
            raise Ignored("a test notification that is not a whole order") from None
        raise


def _edited(payload: Record, _: ShopifySettings) -> Sequence[Event]:
    edit = payload.record("order_edit")
    items = edit.record("line_items")
    added, removed = len(list(items.records("additions"))), len(list(items.records("removals")))
    return [
        _thin(
            EventType.ORDER_UPDATED,
            f"edit:{edit.needed_identifier('id')}",
            edit.needed_identifier("order_id"),
            at=edit.moment("committed_at") or edit.moment("created_at"),
            note=f"order edited: {added} items added to, {removed} taken off; orders/updated brings the order",
        )
    ]


def _deleted(payload: Record, _: ShopifySettings) -> Sequence[Event]:
    identifier = payload.needed_identifier("id")
    return [_thin(EventType.ORDER_DELETED, identifier, identifier)]


def _refund(payload: Record, settings: ShopifySettings) -> Sequence[Event]:
    body = payload.record("refund") if payload.record("refund").data else payload
    issued = refund(body, wanted_side(settings))
    return [_thin(EventType.REFUND_ISSUED, issued.id, body.needed_identifier("order_id"), at=issued.at, refund=issued)]


def _transaction(payload: Record, settings: ShopifySettings) -> Sequence[Event]:
    """Money that came in, or did not. Authorisations, voids and what is pending move none: they are notes on the order."""
    body = payload.record("transaction") if payload.record("transaction").data else payload
    identifier, order_id = body.needed_identifier("id"), body.needed_identifier("order_id")
    kind, status = body.text("kind", 100) or "", PAYMENT_STATUS.get(body.text("status") or "", "pending")
    if kind == "refund":
        raise Ignored("a transaction of kind refund: refunds/create tells what was given back")
    at = body.moment("processed_at") or body.moment("created_at")
    test = body.flag("test") is True
    currency = body.text("currency", 10)
    wanted = body.record("total_unsettled_set").record(wanted_side(settings)).text("currency")
    stated = kind in PAYMENT_KINDS and (None in {currency, wanted} or "XXX" in {currency, wanted} or currency == wanted)
    if stated and kind in _RECEIVED and status == "success":
        return [_thin(EventType.PAYMENT_RECEIVED, identifier, order_id, at=at, payment=payment(body), test=test)]
    if kind in PAYMENT_KINDS and status == "failure":
        moved = payment(body) if stated else None
        return [_thin(EventType.PAYMENT_FAILED, identifier, order_id, at=at, payment=moved, note=body.text("message"), test=test)]
    note = f"transaction {kind or 'of no kind'}, {body.text('status', 100) or 'no status'}: {body.needed_number('amount')} {currency or ''}"
    return [_thin(EventType.ORDER_UPDATED, f"transaction:{identifier}", order_id, at=at, note=note.strip(), test=test)]


def _fulfilment(payload: Record, _: ShopifySettings) -> Sequence[Event]:
    identifier = payload.needed_identifier("id")
    status, carrier = payload.text("status", 200) or "without status", payload.text("tracking_company", 200) or "a carrier not named"
    note = f"fulfilment {status} by {carrier}; orders/updated brings the order"
    at = payload.moment("created_at")
    return [_thin(EventType.ORDER_UPDATED, f"fulfilment:{identifier}", payload.needed_identifier("order_id"), at=at, note=note)]


def _thin(type: EventType, key: str, order_id: str, **more: object) -> Event:
    test = more.pop("test", False) is True or order_id == SAMPLE_ORDER
    return Event.model_validate({"type": type, "key": key, "order_id": order_id, "test": test, **more})


def _privacy(type: EventType, orders: str) -> Read:
    """Requests of Shopify's privacy law compliance: https://shopify.dev/docs/apps/build/compliance/privacy-law-compliance"""

    def read(payload: Record, _: ShopifySettings) -> Sequence[Event]:
        customer = payload.record("customer")
        customer_id, email = customer.identifier("id"), customer.text("email")
        if customer_id is None and email is None:
            raise Unreadable("customer.id", "is missing, and so is customer.email")
        stated = payload.data.get(orders)
        ids = sorted(str(item) for item in stated if isinstance(item, int | str)) if isinstance(stated, list) else []
        request = payload.record("data_request").identifier("id")
        key = request or f"{customer_id or digest(email or '')[:32]}:{digest(' '.join(ids))[:16]}"
        note = f"orders: {', '.join(ids)}"[:2_000] if ids else None
        return [Event(type=type, key=key, customer_id=customer_id, email=email, note=note)]

    return read


def _shop(type: EventType, id_key: str, domain_key: str) -> Read:
    """What ends a shop's connection. The key is the whole body's, so that leaving again after coming back is another fact."""

    def read(payload: Record, _: ShopifySettings) -> Sequence[Event]:
        identifier = payload.needed_identifier(id_key)
        told = canonical_json({key: payload.text(key) for key in payload.data})
        return [Event(type=type, key=f"{identifier}:{digest(told)[:16]}", note=payload.text(domain_key))]

    return read


def _translate(read: Read) -> Translate:
    """A reader as the contract wants it: what cannot be read is given up on, naming the topic and the field and no value of a person."""

    def translate(payload: Json, context: Context) -> Sequence[Event]:
        settings = context.settings if isinstance(context.settings, ShopifySettings) else ShopifySettings()
        if not isinstance(payload, Mapping):
            raise GiveUp(f"Shopify {context.topic}: the body is {type(payload).__name__}, not a JSON object")
        try:
            return read(Record(payload), settings)
        except Unreadable as error:
            raise GiveUp(f"Shopify {context.topic}: {error}") from None
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise GiveUp(f"Shopify {context.topic}: {error.title} {field} cannot be read: {first['type']}") from None

    return translate


def _hint(headers: Headers) -> Hint:
    def claimed(name: str) -> str:
        return (headers.get(f"x-shopify-{name}") or headers.get(f"shopify-{name}") or "").strip()

    delivery = claimed("event-id") or claimed("webhook-id")
    return Hint(topic=claimed("topic").lower(), delivery_id=delivery, shop=claimed("shop-domain").lower())


def _check(inbound: Inbound, settings: SourceSettings) -> str | None:
    """One app secret signs for every shop that has the app: the header says which shop it was."""
    shop = _hint(inbound.headers).shop
    own = settings.shop_domain if isinstance(settings, ShopifySettings) else None
    if own and shop and shop != own:
        return f"the delivery is from the shop {shop[:100]}, this source is for {own} (setting shop_domain)"
    return None


_READERS: Mapping[str, Read] = {
    **dict.fromkeys(
        ("orders/create", "orders/paid", "orders/updated", "orders/fulfilled", "orders/partially_fulfilled", "orders/cancelled"), _order
    ),
    "orders/edited": _edited,
    "orders/delete": _deleted,
    "refunds/create": _refund,
    "order_transactions/create": _transaction,
    "fulfillments/create": _fulfilment,
    "customers/data_request": _privacy(EventType.PRIVACY_DATA_REQUEST, "orders_requested"),
    "customers/redact": _privacy(EventType.PRIVACY_REDACT_CUSTOMER, "orders_to_redact"),
    "shop/redact": _shop(EventType.PRIVACY_REDACT_SHOP, "shop_id", "shop_domain"),
    "app/uninstalled": _shop(EventType.SOURCE_UNINSTALLED, "id", "myshopify_domain"),
}

connector = Connector(
    name="shopify",
    title="Shopify",
    signature=Scheme(header="x-shopify-hmac-sha256", aliases={"x-shopify-hmac-sha256": "shopify-hmac-sha256"}),
    events={topic: _translate(read) for topic, read in _READERS.items()},
    ignored=IGNORED,
    hint=_hint,
    headers=frozenset(f"{prefix}{name}" for prefix in ("x-shopify-", "shopify-") for name in _HEADERS),
    check=_check,
    settings=ShopifySettings,
    readme="connectors.shopify",
)
