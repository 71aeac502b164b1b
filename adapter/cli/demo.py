"""`demo`: a merchant's day through the real service."""

from pathlib import Path
from typing import Annotated

import typer

from adapter.demo.run import main


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the PDFs, mails, messages and the report.", file_okay=False)] = Path("demo-output"),
    keep: Annotated[bool, typer.Option("--keep", help="Keep the data folder, for a look around with `show` and `serve`.")] = False,
    crash: Annotated[int, typer.Option(min=0, max=50, help="Kill the service (SIGKILL) so many times at random moments.")] = 0,
) -> None:
    """Tell a merchant's day to the real service, with a mail server and a consumer around it, and check what comes of it."""
    raise typer.Exit(main(out, keep=keep, crash=crash))
