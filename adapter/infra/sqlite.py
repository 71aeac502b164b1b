"""The embedded database's client: transactions begin IMMEDIATE.

With the ORM's plain BEGIN, two processes that read and then write fail with "database is locked" at once, in spite of any busy time-out,
because neither may upgrade its read lock. BEGIN IMMEDIATE waits for the writer instead.
"""

import sqlite3
from typing import Any

from tortoise.backends.base.client import TransactionalDBClient, TransactionContext
from tortoise.backends.sqlite.client import SqliteClient, SqliteTransactionContext, SqliteTransactionWrapper
from tortoise.connection import get_connections
from tortoise.exceptions import OperationalError


class ImmediateTransaction(SqliteTransactionWrapper):
    """A transaction that takes the write lock when it begins."""

    async def begin(self) -> None:
        """Wait for the write lock, then begin."""
        try:
            await self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise OperationalError(error) from error


class ImmediateTransactionContext(SqliteTransactionContext):
    """As the ORM's, but a transaction that cannot begin leaves neither a lock nor a poisoned context behind."""

    async def __aenter__(self) -> TransactionalDBClient:
        await self._trxlock.acquire()
        try:
            await self.ensure_connection()
            await self.connection.begin()
        except BaseException:
            self._trxlock.release()
            raise
        self.token = get_connections().set(self.connection_name, self.connection)
        client: TransactionalDBClient = self.connection
        return client


class ImmediateSqliteClient(SqliteClient):
    """SQLite with write-ahead log, full durability and transactions that begin IMMEDIATE."""

    def __init__(self, file_path: str, **options: Any) -> None:
        super().__init__(file_path, **{"synchronous": "FULL", "busy_timeout": 15_000, **options})

    def _in_transaction(self) -> TransactionContext:
        return ImmediateTransactionContext(ImmediateTransaction(self), self._lock)


client_class = ImmediateSqliteClient
