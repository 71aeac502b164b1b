"""What the core needs to know about a backend that speaks Standard Webhooks (https://www.standardwebhooks.com)."""

from adapter.connector import Connector, Headers, Hint, Json
from adapter.signature import STANDARD_WEBHOOKS
from connectors.standard.normalise import EVENTS

_LONGEST_TOPIC = 100


def _hint(headers: Headers) -> Hint:
    return Hint(delivery_id=headers.get("webhook-id") or headers.get("svix-id", ""))


def _topic(payload: Json, hint: Hint) -> str:
    """The `type` of the signed body; empty where there is none."""
    topic = payload.get("type") if isinstance(payload, dict) else None
    return topic if isinstance(topic, str) and len(topic) <= _LONGEST_TOPIC else ""


connector = Connector(
    name="standard",
    title="Your own backend (Standard Webhooks)",
    signature=STANDARD_WEBHOOKS,
    headers=frozenset({"webhook-id", "webhook-timestamp", "svix-id", "svix-timestamp"}),
    hint=_hint,
    topic=_topic,
    events=EVENTS,
    short_secret=24,
    readme="connectors.standard",
)
