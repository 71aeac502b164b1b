"""Shopify: orders, refunds, transactions and privacy requests of one shop."""

from connectors.shopify.connector import connector

__all__ = ["connector"]
