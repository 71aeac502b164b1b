"""The command line, `storefront-adapter`."""

import sys

from adapter.cli.commands import application
from adapter.errors import AdapterError
from adapter.infra.database import DATABASE_DOWN


def main() -> None:
    """Run a command; what is understood ends with one line that says what to do, not with a traceback."""
    try:
        application()
    except AdapterError as error:
        _end(str(error))
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _end(f"{place}{error.strerror or error}; look at its owner and at the space on its disk")
    except DATABASE_DOWN as error:
        _end(f"the database refuses: {error}; `storefront-adapter doctor` looks at it")


def _end(told: str) -> None:
    print(f"storefront-adapter: {told}", file=sys.stderr)
    sys.exit(2)
