"""What the core needs to know about SellApp.

Signature: https://sell.app/docs/setting-up-dynamic-webhook (HMAC-SHA256 of the body, hexadecimal, header `signature`). Body and events:
https://sell.app/docs/api/webhooks. The body names an invoice and seldom holds it, so it is read from the API.
"""

import re
from collections.abc import Sequence
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from adapter.connector import Connector, Context, Headers, Hint, Inbound, Json, Pull, SourceSettings
from adapter.domain.event import Event, EventType, facts
from adapter.domain.lenient import text
from adapter.domain.parsing import parse_json
from adapter.errors import GiveUp
from adapter.signature import Scheme
from connectors.sellapp.normalise import order_of
from connectors.sellapp.payload import Amounts

API = "https://sell.app/api/v2"

_ID = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_STATED = {
    "order.created": (EventType.ORDER_CREATED,),
    "order.paid": (EventType.ORDER_COMPLETED, EventType.PAYMENT_CONFIRMED),
    "order.completed": (EventType.ORDER_COMPLETED, EventType.PAYMENT_CONFIRMED, EventType.ORDER_FULFILLED),
    "order.disputed": (),
}
"""What an event says by itself: SellApp completes an order when it is paid and delivered (https://sell.app/docs/api/webhooks)."""


class SellAppSettings(SourceSettings):
    """What a merchant fills in for a SellApp store, beside the webhook secret."""

    api_key: SecretStr | None = Field(
        default=None, description="API key that may read invoices, from https://sell.app/user/api-tokens. Without it there are no invoices."
    )
    store: str | None = Field(
        default=None, max_length=100, pattern=r"^[A-Za-z0-9_-]+$",
        description="The store's name in its address (launch-lab of launch-lab.sell.app); needed when the API key reaches several stores.",
    )  # fmt: skip
    store_id: int | None = Field(default=None, description="The store's number, as its webhooks name it. Webhooks of another are refused.")
    base_url: str = Field(default=API, description="Where SellApp's API is. Changed only for tests.")
    amounts: Amounts = Field(
        default="minor",
        description="How whole numbers in invoices are meant: minor (1999 is 19.99, as SellApp documents) or major. "
        "Amounts with a decimal point are always major.",
    )

    @model_validator(mode="after")
    def _secure(self) -> Self:
        address = urlsplit(self.base_url)
        if not address.hostname or not (address.scheme == "https" or (address.scheme == "http" and address.hostname in _LOOPBACK)):
            raise ValueError(f"base_url {self.base_url!r} must begin with https://: the API key would be readable on the way")
        return self


def _settings(context: Context) -> SellAppSettings:
    return context.settings if isinstance(context.settings, SellAppSettings) else SellAppSettings()


def _hint(headers: Headers) -> Hint:
    """Nothing: SellApp says everything in the signed body."""
    return Hint()


def _topic(payload: Json, hint: Hint) -> str:
    event = payload.get("event") if isinstance(payload, dict) else None
    return event if isinstance(event, str) and len(event) <= 100 else ""


def _check(inbound: Inbound, settings: SourceSettings) -> str | None:
    if not isinstance(settings, SellAppSettings) or settings.store_id is None:
        return None
    try:
        body = parse_json(inbound.body)
    except GiveUp:
        return None
    store = text(body.get("store")) if isinstance(body, dict) else None
    if store in (None, str(settings.store_id)):
        return None
    return f"the webhook names store {store[:20] if store else ''}, but this source is set up for store {settings.store_id}"


def _data(payload: Json) -> dict[str, Json]:
    data = payload.get("data") if isinstance(payload, dict) else None
    if not isinstance(data, dict):
        raise GiveUp('the SellApp webhook cannot be read: data must be an object, as in {"event": "order.completed", "data": {"id": 236}}')
    return data


def _invoice_id(payload: Json) -> str:
    found = text(_data(payload).get("id"))
    if found is None or not _ID.fullmatch(found):
        raise GiveUp("the SellApp webhook cannot be read: data.id must be the number of an invoice")
    return found


def _pull(payload: Json, context: Context) -> Sequence[Pull]:
    """The invoice, unless the webhook holds it or there is no API key."""
    settings = _settings(context)
    try:
        if settings.api_key is None or isinstance(_data(payload).get("payment"), dict):
            return ()
        url = f"{settings.base_url.rstrip('/')}/invoices/{_invoice_id(payload)}"
    except GiveUp:
        return ()
    headers = {"authorization": f"Bearer {settings.api_key.get_secret_value()}", "accept": "application/json"}
    return (Pull(name="invoice", url=url, headers=headers | ({"x-store": settings.store} if settings.store else {})),)


def _test(payload: Json) -> bool:
    """Whether the webhook says that it is play."""
    return any(part.get("test") is True or part.get("is_test") is True or part.get("mode") == "test" for part in (payload, _data(payload)))


def _order(payload: Json, context: Context) -> Sequence[Event]:
    """The facts of the invoice, and those that the event itself states: an API that answers with yesterday's state loses none."""
    order_id, data, test = _invoice_id(payload), _data(payload), _test(payload)
    pulled = context.pulled.get("invoice")
    pulled = pulled["data"] if isinstance(pulled, dict) and isinstance(pulled.get("data"), dict) else pulled
    whole = data if isinstance(data.get("payment"), dict) else pulled
    found: list[Event] = []
    if whole is not None:
        order = order_of(whole, _settings(context).amounts, test=test)
        if order.id != order_id:
            raise GiveUp(f"the SellApp webhook is about invoice {order_id}, but the API answered with invoice {order.id[:20]}")
        found = facts(order)
    else:
        found = [Event(type=EventType.ORDER_UPDATED, key=f"{order_id}:{context.topic}", order_id=order_id, note=context.topic, test=test)]
    known = {fact.type for fact in found}
    stated = (EventType.ORDER_CREATED, *_STATED.get(context.topic, ()))
    return [*found, *(Event(type=type, key=order_id, order_id=order_id, test=test) for type in dict.fromkeys(stated) if type not in known)]


connector = Connector(
    name="sellapp",
    title="SellApp",
    signature=Scheme(header="signature", encoding="hex", aliases={"signature": "x-sellapp-signature"}),
    hint=_hint,
    topic=_topic,
    events=dict.fromkeys(_STATED, _order),
    ignored=frozenset(
        {
            *(f"product.{change}" for change in ("created", "updated", "deleted", "trashed")),
            *(f"variant.{change}" for change in ("created", "updated", "deleted", "sold_out")),
            "ticket_message.created",
            "feedback.created",
            "cash_app.payment_requires_attention",
        }
    ),
    check=_check,
    pull=_pull,
    settings=SellAppSettings,
    readme="connectors.sellapp",
)
