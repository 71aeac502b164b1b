"""The conformance kit: what every connector must pass. Needs pytest: install `storefront-adapter[conformance]`.

    from adapter.conformance import ConnectorSuite
    from my_package.shop import connector

    class TestShop(ConnectorSuite):
        connector = connector

Recorded deliveries are found in the connector's `fixtures/` folder; `adapter.conformance.fixtures` says how their files are named.
`UPDATE_GOLDENS=1 pytest …` writes what they become to `fixtures/expected/`.
"""

import pytest

pytest.register_assert_rewrite(
    "adapter.conformance.suite", "adapter.conformance.signatures", "adapter.conformance.facts", "adapter.conformance.hostile"
)

from adapter.conformance.suite import ConnectorSuite  # noqa: E402 - assertions explain themselves only in modules that are named first

__all__ = ["ConnectorSuite"]
