"""The seller's own numbers: which are in force on a day, and which of them a document prints (VAT Directive Art. 226(3))."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from adapter.domain.order import TaxId
from adapter.domain.tax.settings import Registration
from adapter.domain.tax.territory import EU, place
from adapter.domain.tax.vat_id import has_known_form, vat_number

SME_KIND = "eu_sme"
"""The kind of tax id that is a number of the Union's scheme for small enterprises (VAT Directive Art. 284(3))."""
_SME_NUMBER = re.compile(r"[A-Z]{2}[0-9A-Z]{1,20}-?EX")
"""Country, 1 to 20 letters or digits, hyphen, EX (podatki.gov.pl)."""
_VAT_WORDS = ("vat", "uid", "gst", "abn", "trn")
_KINDS = {"GB": "gb_vat", "CH": "ch_uid", "LI": "ch_uid", "NO": "no_vat", "AU": "au_abn", "NZ": "nz_gst", "IN": "in_gst"}


def tax_country(country: str) -> str:
    """The country under which a registration counts: FR for MC, GR for EL; XI, IC and EA are their own."""
    return place(country).vat_country(goods=True)


def is_vat_kind(kind: str) -> bool:
    """Whether a kind of tax id is one of VAT or GST, and no register's or tax office's."""
    return any(word in kind for word in _VAT_WORDS)


def numbers_in_force(tax_ids: Iterable[TaxId], registrations: Iterable[Registration], country: str | None, on: date) -> dict[str, str]:
    """The seller's VAT and GST numbers on a day, by the country that gave them (XI, IC and EA apart); a registration before a tax id.

    `country` is the seller's, for a number without a prefix; where it is not known how its numbers are formed, what is said to be one is.
    """
    found = {tax_country(each.country): each.number for each in registrations if each.covers(on)}
    for tax_id in tax_ids:
        number = vat_number(tax_id.value, country) if is_vat_kind(tax_id.kind) else None
        if number is not None:
            found.setdefault(tax_country(number.country), str(number))
        elif country is not None and is_vat_kind(tax_id.kind) and not has_known_form(place(country).country):
            found.setdefault(tax_country(country), tax_id.value)
    return found


def printed_ids(tax_ids: Sequence[TaxId], chosen: Mapping[str, str], country: str | None) -> tuple[TaxId, ...]:
    """The tax ids of a document: `chosen` (number by country) in place of all other VAT numbers, and what is no VAT number.

    Nothing is left out where nothing is chosen.
    """
    if not chosen:
        return tuple(tax_ids)
    kept: list[TaxId] = []
    left = dict(chosen)
    for tax_id in tax_ids:
        number = vat_number(tax_id.value, country) if is_vat_kind(tax_id.kind) else None
        if number is None:
            kept.append(tax_id)
        elif left.get(own := tax_country(number.country)) in {str(number), tax_id.value}:
            kept.append(tax_id)
            del left[own]
    new = [TaxId(kind=_KINDS.get(where, "eu_vat" if where in EU | {"XI"} else "vat"), value=number) for where, number in left.items()]
    return (*new, *kept)


def corrected_ids(original: Sequence[TaxId], present: Sequence[TaxId]) -> tuple[TaxId, ...]:
    """The seller's tax ids on a credit note: those of the invoice that it corrects, which name the registration whose tax it gives back;
    the present ones where that has no VAT number."""
    return tuple(original if any(is_vat_kind(tax_id.kind) for tax_id in original) else present)


def sme_number(tax_ids: Iterable[TaxId]) -> str | None:
    """The well-formed number of the Union's scheme for small enterprises, if there is one."""
    return next((tax_id.value for tax_id in tax_ids if tax_id.kind == SME_KIND and is_sme_number(tax_id.value)), None)


def is_sme_number(value: str) -> bool:
    """Whether a value has the form of such a number."""
    return _SME_NUMBER.fullmatch(value.replace(" ", "").upper()) is not None
