"""The command line, `storefront-adapter`."""

import sys

from adapter.cli.commands import application
from adapter.errors import AdapterError


def main() -> None:
    """Run a command; what is understood ends with one line that says what to do, not with a traceback."""
    try:
        application()
    except AdapterError as error:
        print(f"storefront-adapter: {error}", file=sys.stderr)
        sys.exit(2)
