"""The parts that actions work with, built once by the composition root."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from adapter.clock import Clock
from adapter.domain.event import EventType
from adapter.domain.rules import ActionKind
from adapter.infra.database import after_commit
from adapter.infra.files import Files
from adapter.infra.mailer import Mailer
from adapter.infra.models import ActionRow
from adapter.infra.outbound import Outbound
from adapter.infra.queue import DONE, Dispatcher, end
from adapter.infra.renderer import Renderer
from adapter.infra.secrets import Vault
from adapter.infra.sources import Sources
from adapter.infra.validation import Validator
from adapter.settings import Settings


@dataclass(frozen=True)
class Services:
    """One process's parts. `mailer` is None where no mail server is set: mail then stays in the outbox."""

    settings: Settings
    clock: Clock
    vault: Vault
    files: Files
    sources: Sources
    renderer: Renderer
    mailer: Mailer | None
    outbound: Outbound
    dispatcher: Dispatcher
    validator: Validator


Emit = Callable[[EventType, str, str, str, Mapping[str, Any], bool], Awaitable[None]]
"""(type, key, source id, order id, data, test): record a fact of ours and what follows from it, in the present transaction."""


@dataclass
class Run:
    """One run of one action. An action's last transaction may call `finish`, so that its effects and its outcome commit together."""

    action: ActionRow
    services: Services
    emit: Emit
    finished: bool = False

    async def finish(self, outcome: Mapping[str, Any] | None = None) -> None:
        """Mark the action done in the present transaction; it counts as finished once that is committed."""
        await end(self.action, DONE, self.services.clock.now(), self.services.dispatcher, outcome=outcome)
        after_commit(self._committed)

    def _committed(self) -> None:
        self.finished = True


Handler = Callable[[Run], Awaitable[Mapping[str, Any] | None]]
"""Does an action and returns what to remember of it."""

Handlers = Mapping[ActionKind, Handler]
