"""SellApp: signed webhooks that name an invoice, which is read from SellApp's API."""

from connectors.sellapp.connector import connector

__all__ = ["connector"]
