"""The wire form: the envelope of Standard Webhooks and what may stand in its `data`. Unknown fields are refused everywhere."""

from typing import TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from adapter.connector import Json
from adapter.domain.order import Identifier, Payment, Refund
from adapter.errors import GiveUp

_PROBLEMS_NAMED = 5
_LONGEST_STEP = 60

Model = TypeVar("Model", bound=BaseModel)


class Payload(BaseModel):
    """Base of the parts of a body that are not themselves canonical values."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Envelope(Payload):
    """`timestamp` is when the thing happened, ISO 8601 with an offset; `data` depends on `type`."""

    type: str
    timestamp: AwareDatetime
    data: dict[str, object]


class OrderFact(Payload):
    """A fact about an order that needs nothing but its id. `test` marks play: nothing is ever issued for it."""

    order_id: Identifier
    test: bool = False


class PaymentFact(OrderFact):
    """Money that moved, or failed to."""

    payment: Payment


class RefundFact(OrderFact):
    """Money or goods that were given back."""

    refund: Refund


def read(model: type[Model], value: Json, path: str = "") -> Model:
    """`value` as `model`. Raises `GiveUp` naming the path of each wrong field (the first five) and what is wrong with it.

    The message holds field names, and a value only where an amount, a currency or the like was expected: no names, no addresses.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
    named = [f"{_path(path, problem['loc'])}: {problem['msg'].removeprefix('Value error, ')}" for problem in problems[:_PROBLEMS_NAMED]]
    more = f" (and {len(problems) - _PROBLEMS_NAMED} more)" if len(problems) > _PROBLEMS_NAMED else ""
    raise GiveUp(f"{'; '.join(named)}{more}. The fields of an order are described by /schemas/order/1.json")


def _path(start: str, steps: tuple[int | str, ...]) -> str:
    """`data.lines.0.amount`; keys that a sender chose are cut, so that a message stays a message."""
    return ".".join(str(step)[:_LONGEST_STEP] for step in (start, *steps) if step != "") or "the body"
