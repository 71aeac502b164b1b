"""WooCommerce: signed order webhooks of a WordPress shop, with refunds read from the REST API when credentials are set."""

from connectors.woocommerce.connector import connector

__all__ = ["connector"]
