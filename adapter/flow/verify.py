"""Verify: whether a request is from the store that it claims to be. Headers are only hints; the body is what is signed."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from adapter import signature
from adapter.connector import Inbound
from adapter.errors import Rejected
from adapter.infra.sources import Source
from adapter.signature import Scheme

DECOY = Scheme(header="x-signature")
DECOY_SECRETS = ("a secret that no source has, to spend the same time",)


def verify(source: Source | None, inbound: Inbound, headers: Mapping[str, Sequence[str]], now: datetime) -> None:
    """Raise `Rejected` unless the request is correctly signed for this source and meant for it.

    An unknown source costs as much time as a wrong signature, so that sources cannot be found by trying.
    """
    if source is None:
        decoy = {"x-signature": [next(iter(headers.get("content-length", ["0"])))]}
        with suppress(Rejected):
            signature.verify(DECOY, inbound.body, decoy, DECOY_SECRETS, inbound.url, now)
        raise Rejected("unknown_source")
    scheme = source.connector.signature
    if isinstance(scheme, Scheme):
        signature.verify(scheme, inbound.body, headers, source.secrets, inbound.url, now)
    else:
        scheme(inbound.body, headers, source.secrets, inbound.url, now)
    if source.connector.check is not None:
        problem = source.connector.check(inbound, source.settings)
        if problem is not None:
            raise Rejected("other_shop", problem)
