"""The day as it is told: one line per thing, in the terminal and in `timeline.log`."""

import sys
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

WIDTH = 170
"""Columns of the table where there is no terminal that has a width of its own."""

STYLES = {
    "sent": "cyan",
    "answer": "cyan",
    "document": "green",
    "mail": "magenta",
    "message": "blue",
    "service": "yellow",
    "broken": "bold red",
}


class Timeline:
    """Prints and keeps lines."""

    def __init__(self, file: Path) -> None:
        self.console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
        self._file = file.open("w", encoding="utf-8")

    def say(self, who: str, what: str, kind: str = "") -> None:
        """One line: the time, who did it, what happened."""
        now = datetime.now().astimezone()
        style = STYLES.get(kind, "default")
        print(f"{now:%H:%M:%S.%f}"[:-3], f"{who:<9}", what, file=self._file, flush=True)
        self.console.print(f"[dim]{now:%H:%M:%S}[/dim] [{style}]{who:<9}[/{style}] {escape(what)}", soft_wrap=True)

    def chapter(self, title: str) -> None:
        """A heading."""
        print(f"\n{title}", file=self._file, flush=True)
        self.console.print(f"\n[bold]{escape(title)}[/bold]")

    def show(self, table: Table) -> None:
        """A table, in both places."""
        for console in (self.console, Console(file=self._file, width=WIDTH)):
            console.print()
            console.print(table)

    def close(self) -> None:
        """End the file."""
        self._file.close()
