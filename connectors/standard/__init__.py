"""Any backend: Standard Webhooks signatures and the canonical order as JSON."""

from connectors.standard.connector import connector

__all__ = ["connector"]
