"""Reading what platforms write loosely: texts and numbers for each other, things missing or null. For a connector's models of payloads.

`parse_json` comes before it. What is money or identity stays strict: a model that cannot be read names the fields.
"""

from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from adapter.domain.money import exact
from adapter.errors import GiveUp

LONGEST_TEXT = 2_000
LONGEST_KEY = 255
_NAMED = 3
_LONGEST_STEP, _LONGEST_PROBLEM = 60, 200

Model = TypeVar("Model", bound=BaseModel)


def text(value: Any) -> str | None:
    """A text or number as text, cut at 2,000 characters; None for nothing and for anything else."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return format(value, "f") if isinstance(value, Decimal) else str(value)
    return value.strip()[:LONGEST_TEXT] or None if isinstance(value, str) else None


def key(value: Any) -> str | None:
    """An id, which may be written as number or text; None for what is longer than an id may be."""
    found = text(value)
    return found if found and len(found) <= LONGEST_KEY else None


def stated(value: Any) -> Decimal | None:
    """An amount or a quantity, exactly as written; None for nothing and an empty text. Raises ValueError for what is not a number."""
    return None if value is None or value == "" else exact(value.strip() if isinstance(value, str) else value)


Text = Annotated[str | None, BeforeValidator(text)]
Key = Annotated[str | None, BeforeValidator(key)]
NeededKey = Annotated[str, BeforeValidator(key)]
Stated = Annotated[Decimal | None, BeforeValidator(stated)]


class Payload(BaseModel):
    """Base of the parts of a payload: unknown fields are passed over, as platforms add some without notice."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def read(model: type[Model], value: Any, what: str) -> Model:
    """`value` as `model`. Raises `GiveUp` naming the wrong fields, and a value only where an amount was expected."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise unreadable(what, error) from None


def unreadable(what: str, error: ValidationError) -> GiveUp:
    """The error for a body that is not what it should be, such as `The order cannot be read: total: …`; it names three wrong fields."""
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    named = "; ".join(
        f"{'.'.join(str(step)[:_LONGEST_STEP] for step in problem['loc']) or 'the body'}: {problem['msg'][:_LONGEST_PROBLEM]}"
        for problem in problems[:_NAMED]
    )
    return GiveUp(f"{what} cannot be read: {named}")
