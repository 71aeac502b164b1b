"""VAT identification numbers: whose one is, whether its form and check digits are right, and the record of asking a register.

Form and check digits are python-stdnum's. Being well formed says nothing about being registered: that only a register says (`VatIdCheck`).
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import AwareDatetime, Field
from stdnum.exceptions import ValidationError
from stdnum.util import clean, get_cc_module

from adapter.domain.frozen import Frozen
from adapter.domain.order import Name, Party, TaxId
from adapter.domain.tax.territory import EU

if TYPE_CHECKING:
    from stdnum.util import NumberValidationModule

_PREFIXES = {"GR": "EL", "IC": "ES", "EA": "ES"}
"""ISO 3166-1 code to the prefix of VAT numbers where they differ (Directive 2006/112/EC Art. 215; the NIF is one for all of Spain)."""
_COUNTRIES = {"EL": "GR"}
_MODULES = {"XI": "gb", "IM": "gb", "MC": "fr", "IN": "in_", "IS": "is_"}
"""Whose rules of form apply where it is not the prefix's own country: Northern Ireland and the Isle of Man number like the United Kingdom,
Monaco like France."""
_INDIVIDUAL = re.compile(r"T\d{13}")
"""A Japanese registration number: a company's holds its corporate number, whose check digit is known, an individual's does not."""
_UNKNOWN_FORM = frozenset({"SG"})
"""Countries of which python-stdnum has another number than the one of GST."""
_REGISTERS = {"GB": "hmrc", "CH": "uid", "LI": "uid", "NO": "brreg", "AU": "abr"}
VIES = frozenset(_PREFIXES.get(country, country) for country in EU) | {"XI"}
"""The prefixes that VIES answers for."""


class VatNumber(NamedTuple):
    """A well-formed number: `prefix` as VAT numbers write it (EL, XI), `number` the rest in its shortest form."""

    prefix: str
    number: str

    @property
    def country(self) -> str:
        """The ISO 3166-1 code of the country: GR for EL; XI stays, it is a code of its own in VAT."""
        return _COUNTRIES.get(self.prefix, self.prefix)

    @property
    def register(self) -> str | None:
        """Where it can be asked about: `vies`, `hmrc` (GB), `uid` (CH), `brreg` (NO), `abr` (AU), or None."""
        return "vies" if self.prefix in VIES else _REGISTERS.get(self.prefix)

    def __str__(self) -> str:
        return self.prefix + self.number


class VatIdState(StrEnum):
    """What is known about a number. `unavailable`: the register could not be asked, which is never the same as `invalid`."""

    VALID = "valid"
    INVALID = "invalid"
    UNAVAILABLE = "unavailable"
    NOT_CHECKED = "not_checked"


class VatIdCheck(Frozen):
    """One question to a register and its answer, kept as proof. `consultation_number` is VIES's `requestIdentifier`, which is given only to
    a requester with a VAT number of its own; `reason` is the register's code when it could not answer, or gave no consultation number;
    `answer` is what it sent, as canonical JSON."""

    number: Name
    state: VatIdState = VatIdState.NOT_CHECKED
    checked_at: AwareDatetime | None = None
    requester: Name | None = None
    consultation_number: Name | None = None
    name: Name | None = None
    address: Name | None = None
    source: Name | None = None
    reason: Name | None = None
    answer: Annotated[str, Field(max_length=10_000)] | None = None


def vat_number(value: str, country: str | None = None) -> VatNumber | None:
    """A VAT number from what somebody typed, or None where its form or check digits are wrong.

    The number's own prefix decides the country; `country` (ISO 3166-1) is where the party says it is, for a number without one. Blanks,
    dots, hyphens and small letters are forgiven.
    """
    text = clean(value, " .-/,:").strip().upper()
    prefixes = [text[:2]] if text[:2].isalpha() and len(text) > 2 else []
    if text.startswith("CHE"):
        prefixes = ["CH"]
    for prefix in prefixes:
        rest = text if prefix == "CH" and text.startswith("CHE") else text[2:]
        if found := _validated(prefix, rest):
            return found
    return _validated(country.upper(), text) if country else None


def has_known_form(country: str) -> bool:
    """Whether it is known here how a country's VAT numbers are formed."""
    return _module(_COUNTRIES.get(country, country)) is not None


def vat_prefix(country: str) -> str:
    """How the VAT numbers of a country begin: EL for GR, else its ISO 3166-1 code."""
    return _PREFIXES.get(country, country)


def party_vat_number(party: Party | None) -> VatNumber | None:
    """The first well-formed VAT number of a party, numbers of kind `…vat…` first."""
    if party is None:
        return None
    country = party.address.country if party.address else None
    return first_vat_number(party.tax_ids, country)


def first_vat_number(tax_ids: Iterable[TaxId], country: str | None) -> VatNumber | None:
    """The first well-formed one among tax numbers; those whose kind speaks of VAT come first."""
    ordered = sorted(tax_ids, key=lambda tax_id: not any(word in tax_id.kind for word in ("vat", "uid", "gst", "abn")))
    return next((number for tax_id in ordered if (number := vat_number(tax_id.value, country))), None)


def wait_until(check: VatIdCheck, first_asked: datetime, hours: int) -> datetime | None:
    """Until when a document waits for a register that could not be asked: `hours` after the first question. None where there is nothing to
    wait for: then it is issued, with a warning while the register is still unavailable."""
    return first_asked + timedelta(hours=hours) if check.state is VatIdState.UNAVAILABLE and hours else None


def _module(iso: str) -> "NumberValidationModule | None":
    return None if iso in _UNKNOWN_FORM else get_cc_module(_MODULES.get(iso, iso.lower()), "vat")


def _validated(country: str, rest: str) -> VatNumber | None:
    prefix = vat_prefix(country)
    iso = _COUNTRIES.get(prefix, prefix)
    if not iso.isascii() or not iso.isalpha():
        return None
    module = _module(iso)
    if module is None:
        return None
    if iso == "JP" and _INDIVIDUAL.fullmatch(rest):
        return VatNumber(prefix, rest[1:])
    body = rest[1:] if iso == "JP" and rest.startswith("T") else rest
    try:
        number = module.validate(body)
    except ValidationError:
        return None
    return VatNumber(prefix, number.removeprefix(prefix))
