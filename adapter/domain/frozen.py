"""The base of every value in the domain."""

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """An immutable value that refuses unknown fields and never accepts a float for an amount."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=64_000, ser_json_inf_nan="strings")

    def canonical(self) -> str:
        """The one JSON text of this value: keys sorted, no spaces, UTF-8 as it is, absent values left out."""
        return canonical_json(self.model_dump(mode="json", exclude_none=True))


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and without spaces, so that equal values have equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(text: str | bytes) -> str:
    """SHA-256 as 64 hexadecimal digits; text is taken as UTF-8."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()
