"""Every installed connector passes the kit. None is named here: a new one is one new folder."""

from adapter.conformance import ConnectorSuite
from adapter.connector import connectors
from adapter.scaffold import suite_name


def _suite(name: str) -> type[ConnectorSuite]:
    return type(f"Test{suite_name(name)}", (ConnectorSuite,), {"connector": connectors()[name], "__doc__": f"The {name} connector."})


globals().update({suite.__name__: suite for suite in map(_suite, connectors())})


def test_the_platforms_of_this_release_are_found() -> None:
    assert {"shopify", "woocommerce", "sellapp", "standard"} <= set(connectors())
