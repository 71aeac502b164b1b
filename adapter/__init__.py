"""Storefront Adapter: a signed storefront webhook becomes a correct invoice, its PDF, its e-mail and signed outbound events."""

from importlib.metadata import version

__version__ = version("storefront-adapter")
