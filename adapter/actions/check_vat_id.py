"""Asking VIES about a buyer's VAT number before the invoice is made, where the entity wants that, and keeping the answer as proof."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from adapter.actions.candidates import Case, reference, source_of
from adapter.domain.entity import Entity
from adapter.domain.frozen import digest
from adapter.domain.rules import ActionKind
from adapter.domain.tax.registrations import numbers_in_force
from adapter.domain.tax.supply import number_to_check, sale
from adapter.domain.tax.vat_id import VatIdCheck, VatIdState, VatNumber, first_vat_number, vat_number, wait_until
from adapter.errors import GiveUp, NotYet, TryAgain
from adapter.infra.database import transaction
from adapter.infra.models import ActionRow
from adapter.infra.queue import DONE, OPEN_STATES, Work, bounded, ended_fact, enqueue
from adapter.infra.services import Run
from adapter.infra.vat_checks import VatCheckRow
from adapter.infra.vies import check_vat_number

FRESH = timedelta(days=1)
"""How long an answer is taken for further invoices to the same number."""


async def known_check(run: Run, case: Case, day: date) -> VatIdCheck | NotYet | None:
    """What VIES says about the buyer's number, where the tax of a supply on `day` depends on it and the entity has it asked about.

    Where it has to be asked first, that is set going as an action of its own, and the `NotYet` to raise after the present transaction is
    returned. None where there is nothing to ask, and where asking failed altogether.
    """
    entity, now = case.source.entity, run.services.clock.now()
    if not entity.tax.check_vat_ids:
        return None
    number = number_to_check(sale(case.order, entity, day), [line.kind for line in case.order.lines])
    if number is None or number.register != "vies":
        return None
    source_id, order_id = reference(run.action)
    key = bounded(f"{ActionKind.CHECK_VAT_ID.value}:{source_id}:{order_id}:{digest(str(number))[:16]}")
    asked = await ActionRow.filter(key__startswith=f"{key}:").order_by("created_at", "id")
    kept = VatCheckRow.filter(entity_id=entity.id, number=str(number), created_at__gt=now - FRESH).order_by("-created_at", "-id")
    for row in await kept:
        if row.state != VatIdState.UNAVAILABLE or row.action_id in {action.id for action in asked}:
            return VatIdCheck.model_validate_json(row.content)
    if asked and asked[-1].state in OPEN_STATES:
        return NotYet(ended_fact(asked[-1].key))
    if asked and asked[-1].state != DONE:
        return None
    work = Work(f"{key}:{len(asked) + 1}", ActionKind.CHECK_VAT_ID, source_id, order_id, parameters={"number": str(number)})
    await enqueue([work], now, run.services.dispatcher)
    return NotYet(ended_fact(work.key))


async def check_vat_id(run: Run) -> Mapping[str, Any] | None:
    """Ask VIES about the number that the action names, in the entity's own name, and keep the answer.

    While the register is unavailable it is asked again, at growing intervals, for as long as the entity has documents wait for it.
    """
    source = await source_of(run)
    entity, now = source.entity, run.services.clock.now()
    number = vat_number(run.action.parameters["number"])
    if number is None:
        raise GiveUp("the VAT number that was to be asked about is not well formed")
    requester = _requester(entity, now.astimezone(entity.zone).date())
    url = run.services.settings.vies_url
    check = await check_vat_number(run.services.outbound, number, requester=requester, now=now, url=url)
    until = _until(run, check, entity.tax.vat_id_wait_hours)
    if until is not None and now < until:
        pause = timedelta(minutes=min(4**run.action.attempts, 24 * 60))
        raise TryAgain(f"VIES is unavailable ({check.reason}): invoices wait for it until {until.isoformat()}", min(pause, until - now))
    async with transaction():
        await VatCheckRow.create(
            created_at=run.services.clock.now(),
            entity_id=entity.id,
            number=str(number),
            state=check.state.value,
            consultation_number=check.consultation_number,
            content=check.canonical(),
            action_id=run.action.id,
        )
        outcome = {"state": check.state.value} | ({"consultation_number": check.consultation_number} if check.consultation_number else {})
        await run.finish(outcome)
    return outcome


def _requester(entity: Entity, today: date) -> VatNumber | None:
    """Whose number VIES is told: the seller's at home, else of a registration in the Union, such as a Swiss seller has."""
    numbers = numbers_in_force(entity.tax_ids, entity.tax.registrations, entity.address.country, today)
    home = first_vat_number(entity.tax_ids, entity.address.country)
    known = [home, *(vat_number(number, country) for country, number in numbers.items())]
    return next((number for number in known if number is not None and number.register == "vies"), None)


def _until(run: Run, check: VatIdCheck, hours: int) -> datetime | None:
    """Until when the register is waited for: never longer than the invoice itself would wait."""
    longest = run.action.created_at + timedelta(days=run.services.settings.wait_days) - timedelta(hours=1)
    wanted = wait_until(check, run.action.created_at, hours)
    return min(wanted, longest) if wanted else None
