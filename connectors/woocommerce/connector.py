"""What the core needs to know about WooCommerce.

Signature, headers, ping and topics as in WooCommerce's own `class-wc-webhook.php`
(https://github.com/woocommerce/woocommerce/blob/trunk/plugins/woocommerce/includes/class-wc-webhook.php) and
https://woocommerce.github.io/woocommerce-rest-api-docs/#webhooks. Only the body is signed: which order it is about and whether it is one at
all is read from the body, so that a captured body under another topic states nothing new.
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from typing import Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, model_validator

from adapter.connector import Answer, Connector, Context, Headers, Hint, Inbound, Json, Pull, SourceSettings
from adapter.domain.entity import TimeZone
from adapter.domain.event import Event, EventType, facts
from adapter.domain.lenient import read
from adapter.errors import GiveUp, Ignored
from adapter.signature import Scheme
from connectors.woocommerce.normalise import Shop, order_of
from connectors.woocommerce.payload import RefundDetails, WooOrder, text

DRAFTS = frozenset({"draft", "auto-draft", "checkout-draft", "new"})
ORDER_ACTIONS = (
    "woocommerce_new_order",
    "woocommerce_update_order",
    "woocommerce_checkout_order_processed",
    "woocommerce_payment_complete",
    "woocommerce_thankyou",
    "woocommerce_order_refunded",
    "woocommerce_order_fully_refunded",
    "woocommerce_order_partially_refunded",
    *(
        f"woocommerce_order_status_{status}"
        for status in ("changed", "pending", "failed", "on-hold", "processing", "completed", "refunded", "cancelled")
    ),
)
"""WordPress hooks whose first argument is the id of an order; so is that of every other `woocommerce_order_status_…`."""
OTHER_ACTIONS = "action.*"
"""The topic that every other `action.…` is filed under."""

_PING = re.compile(rb"webhook_id=[0-9]{1,20}\s*", re.ASCII)
_ID = re.compile(r"[1-9][0-9]{0,19}", re.ASCII)
_CODE = re.compile(r"[A-Za-z0-9_\-]{1,100}", re.ASCII)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class WooCommerceSettings(SourceSettings):
    """What a merchant fills in for a WooCommerce shop, beside the webhook's secret."""

    site: str | None = Field(
        default=None,
        description="The shop's address as WordPress › Settings › General shows it (Site Address), such as https://shop.example. Webhooks "
        "that say they come from another site are refused, and refund details are read from here.",
    )
    consumer_key: SecretStr | None = Field(
        default=None, description="REST API key (ck_…) with Read permission, from WooCommerce › Settings › Advanced › REST API. Optional."
    )
    consumer_secret: SecretStr | None = Field(default=None, description="The secret (cs_…) that belongs to the REST API key. Optional.")
    time_zone: TimeZone = Field(
        default="UTC", description="The site's time zone (Settings › General), for times that a plugin sends without their UTC twin."
    )
    vat_number_fields: tuple[str, ...] = Field(
        default=("_billing_vat_number", "_vat_number", "vat_number", "_billing_eu_vat_number", "billing_eu_vat_number", "_billing_vat_id",
                 "_billing_vat", "_eu_vat_number", "_vat_id", "_eu_vat_evidence", "VAT Number", "_billing_eu_vat", "yweu_billing_vat",
                 "billing_vat", "_shipping_vat_id", "_billing_ic_dph", "_billing_dic", "_billing_btw_nummer", "_billing_piva",
                 "_billing_partita_iva", "_billing_nip", "billing_nip"),
        description="Meta keys under which the shop's VAT plugin stores the customer's VAT number; the first that is filled counts.",
    )  # fmt: skip
    placed_statuses: tuple[str, ...] = Field(
        default=(), description="The shop's own order statuses (without wc-) in which an unpaid order is binding and may be invoiced."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.consumer_key is None) != (self.consumer_secret is None):
            raise ValueError("consumer_key and consumer_secret belong together: fill in both or neither")
        if self.site is not None:
            address = urlsplit(self.site)
            if address.scheme not in ("https", "http") or not address.hostname or address.query or address.username:
                raise ValueError(f"site {self.site!r} is not an address such as https://shop.example")
        if self.consumer_key is not None:
            if self.site is None:
                raise ValueError("site is needed when consumer_key is set: refund details are read from there")
            if urlsplit(self.site).scheme != "https" and urlsplit(self.site).hostname not in _LOOPBACK:
                raise ValueError("site must begin with https:// when consumer_key is set: the key would be readable on the way")
        return self


def _settings(context: Context) -> WooCommerceSettings:
    return context.settings if isinstance(context.settings, WooCommerceSettings) else WooCommerceSettings()


def _hint(headers: Headers) -> Hint:
    return Hint(
        topic=headers.get("x-wc-webhook-topic", ""),
        delivery_id=headers.get("x-wc-webhook-delivery-id", ""),
        shop=headers.get("x-wc-webhook-source", ""),
    )


def _topic(payload: Json, hint: Hint) -> str:
    """The header's topic, except for `action.…`, which the signed body names itself."""
    action = _action(payload)
    if action is None:
        return hint.topic
    return f"action.{action}" if action in ORDER_ACTIONS else OTHER_ACTIONS


def _handshake(inbound: Inbound, settings: SourceSettings) -> Answer | None:
    """The ping that WooCommerce sends, unsigned, when a webhook is saved. Anything but 200 makes it report an error to the merchant."""
    unsigned = "x-wc-webhook-signature" not in inbound.headers
    return Answer() if inbound.method == "POST" and unsigned and _PING.fullmatch(inbound.body) else None


def _check(inbound: Inbound, settings: SourceSettings) -> str | None:
    source = inbound.headers.get("x-wc-webhook-source")
    if not isinstance(settings, WooCommerceSettings) or settings.site is None or not source or _place(source) == _place(settings.site):
        return None
    return f"the webhook names the site {source[:200]!r}, but this source is set up for {settings.site}"


def _place(address: str) -> tuple[str, int | None, str]:
    """Host, port and folder of a site: shops write their address with and without scheme and trailing slash."""
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
        port = parts.port
    except ValueError:
        return address, None, ""
    return parts.hostname or "", None if port in (80, 443) else port, parts.path.rstrip("/")


def _pull(payload: Json, context: Context) -> Sequence[Pull]:
    """An order whose webhook only names it, and the rows of refunds. Nothing without REST credentials."""
    settings = _settings(context)
    body = _body(payload)
    if settings.site is None or settings.consumer_key is None or settings.consumer_secret is None or not isinstance(body, dict):
        return ()
    key = f"{settings.consumer_key.get_secret_value()}:{settings.consumer_secret.get_secret_value()}"
    headers = {"authorization": f"Basic {b64encode(key.encode()).decode()}", "accept": "application/json"}
    action = _action(body)
    order_id = _action_order(action, body["arg"]) if action else text(body.get("id")) if body.get("refunds") else None
    if order_id is None or not _ID.fullmatch(order_id):
        return ()
    order = f"{settings.site.rstrip('/')}/wp-json/wc/v3/orders/{order_id}"
    refunds = Pull(name="refunds", url=f"{order}/refunds?per_page=100", headers=headers)
    return (Pull(name="order", url=order, headers=headers), refunds) if action else (refunds,)


def _body(payload: Json) -> Json:
    """The order itself. Shops behind WordPress.com's tunnel wrap every REST answer in `data`."""
    return payload["data"] if isinstance(payload, dict) and set(payload) == {"data"} else payload


def _action(payload: Json) -> str | None:
    if isinstance(payload, dict) and "arg" in payload and isinstance(payload.get("action"), str):
        return str(payload["action"])
    return None


def _action_order(action: str, argument: Json) -> str | None:
    """The order's id that a hook passes on, where the hook is one about orders."""
    if action not in ORDER_ACTIONS and not action.startswith("woocommerce_order_status_"):
        return None
    found = text(argument.get("id") if isinstance(argument, dict) else argument)
    return found if found and _ID.fullmatch(found) else None


def _refuse_error(body: Json) -> None:
    """A correctly signed body that is an error of the REST API (https://github.com/woocommerce/woocommerce/issues/26682)."""
    if isinstance(body, dict) and isinstance(body.get("code"), str) and "message" in body and "id" not in body:
        data = body.get("data")
        status = data.get("status") if isinstance(data, dict) else None
        said = status if isinstance(status, int) and 100 <= status <= 599 else "unknown"
        code = body["code"] if _CODE.fullmatch(body["code"]) else "unknown"
        raise GiveUp(
            f"WooCommerce sent the error {code} (status {said}) instead of the order, because the user who owns the "
            "webhook may not read orders or no longer exists. Sign in to WordPress as an administrator or shop manager, delete the webhook "
            "under WooCommerce › Settings › Advanced › Webhooks and create it again with the same secret; then save the order once."
        )


def _order(payload: Json, context: Context) -> Sequence[Event]:
    """The facts of a whole order, under whichever topic it came."""
    body = _body(payload)
    _refuse_error(body)
    return _facts(body, context)


def _deleted(payload: Json, context: Context) -> Sequence[Event]:
    """`{"id": 123}`: the order went to the trash. A whole order under this topic is another webhook's body and stays what it is."""
    body = _body(payload)
    _refuse_error(body)
    if isinstance(body, dict) and "status" in body:
        return _facts(body, context)
    order_id = text(body.get("id")) if isinstance(body, dict) else None
    if order_id is None:
        raise GiveUp('order.deleted: id is missing; WooCommerce writes {"id": 123}')
    return (Event(type=EventType.ORDER_DELETED, key=order_id[:255], order_id=order_id[:255]),)


def _acted(payload: Json, context: Context) -> Sequence[Event]:
    """A hook that names its order: the order as pulled, else the bare fact that it changed."""
    action = _action(payload)
    if action is None:
        _refuse_error(payload)
        raise GiveUp(f'{context.topic[:100]}: the body must be {{"action": "…", "arg": …}}')
    order_id = _action_order(action, payload["arg"])
    if order_id is None:
        raise Ignored(f"the hook {action[:100]} does not name an order; subscribe to order.created and order.updated instead")
    pulled = _body(context.pulled.get("order"))
    if pulled is not None:
        _refuse_error(pulled)
        return _facts(pulled, context)
    return (Event(type=EventType.ORDER_UPDATED, key=f"{order_id}:{action[:200]}", order_id=order_id),)


def _facts(body: Json, context: Context) -> Sequence[Event]:
    if isinstance(body, dict) and "billing_period" in body:
        raise Ignored("a subscription, not an order: each renewal is an order of its own")
    woo = read(WooOrder, body, "The WooCommerce order")
    status = woo.status.removeprefix("wc-")
    if status in DRAFTS:
        raise Ignored(f"order {woo.id} is {status}: nothing has been ordered yet")
    if status == "trash":
        return (Event(type=EventType.ORDER_DELETED, key=woo.id, order_id=woo.id),)
    settings = _settings(context)
    shop = Shop(zone=ZoneInfo(settings.time_zone), vat_number_fields=settings.vat_number_fields, placed_statuses=settings.placed_statuses)
    pulled = _body(context.pulled.get("refunds"))
    details = [read(RefundDetails, refund, "A refund of the WooCommerce order") for refund in pulled] if isinstance(pulled, list) else []
    return facts(order_of(woo, shop, details))


connector = Connector(
    name="woocommerce",
    title="WooCommerce",
    signature=Scheme(header="x-wc-webhook-signature", encoding="base64", key="html"),
    headers=frozenset(f"x-wc-webhook-{name}" for name in ("source", "topic", "resource", "event", "id", "delivery-id")),
    hint=_hint,
    topic=_topic,
    events={
        "order.created": _order,
        "order.updated": _order,
        "order.restored": _order,
        "order.deleted": _deleted,
        **{f"action.{action}": _acted for action in ORDER_ACTIONS},
        OTHER_ACTIONS: _acted,
    },
    ignored=frozenset(
        {
            *(f"{resource}.{change}" for resource in ("product", "coupon") for change in ("created", "updated", "deleted", "restored")),
            *(f"customer.{change}" for change in ("created", "updated", "deleted")),
            *(f"subscription.{change}" for change in ("created", "updated", "deleted", "switched")),
        }
    ),
    handshake=_handshake,
    check=_check,
    pull=_pull,
    settings=WooCommerceSettings,
    readme="connectors.woocommerce",
)
