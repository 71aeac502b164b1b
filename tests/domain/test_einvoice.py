from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from facturx.parse_xml import parse_ubl_cii_xml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from adapter.domain.document import Document, DocumentKind, LineTax, NationalTax, Settlement, TaxCategory, due
from adapter.domain.einvoice import NotRepresentable, Profile, Syntax, cii, ubl
from adapter.domain.einvoice.content import content
from adapter.domain.issue import draft_invoice
from adapter.domain.money import exponent, from_minor
from adapter.domain.order import Address, Order
from adapter.domain.tax.adopt import tax_groups
from adapter.errors import Held
from tests.domain.baskets import TODAY, line, orders, tax
from tests.domain.einvoice_cases import BASKET
from tests.domain.einvoices import CASES, ENTITY, HOME, PLACED, Case, invoice, many, note, sold, untaxed

WRITERS = {Syntax.CII: cii, Syntax.UBL: ubl}
WRITTEN = [(profile, syntax) for profile in Profile for syntax in sorted(profile.syntaxes)]


def read(case: Case, profile: Profile = Profile.EN16931, syntax: Syntax = Syntax.CII) -> Mapping[str, Any]:
    """The e-invoice as another reader understands it: business terms and their values."""
    result: Mapping[str, Any] = parse_ubl_cii_xml(WRITERS[syntax](case.document, profile, case.settlement))
    return result


def case(name: str) -> Case:
    return CASES[name]()


def amounts(found: Mapping[str, Any]) -> list[str | None]:
    """Lines, net, tax, gross, paid, rounding, due."""
    return [found.get(term) for term in ("BT-106", "BT-109", "BT-110", "BT-112", "BT-113", "BT-114", "BT-115")]


def lines(found: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    return [(each["BT-129"], each["BT-146"], each["BT-131"]) for each in found["BG-25"]]


def groups(found: Mapping[str, Any]) -> list[tuple[str, str | None, str, str]]:
    return [(each["BT-118"], each.get("BT-119"), each["BT-116"], each["BT-117"]) for each in found["BG-23"]]


@pytest.mark.parametrize("syntax", Syntax)
def test_an_invoice_says_everything_that_its_document_knows(syntax: Syntax) -> None:
    found = read(case("sent elsewhere, tax point, references"), Profile.XRECHNUNG, syntax)
    assert found["BG-4"] == {
        "name": "Kiln & Clay GmbH", "addr_l1": "Ofenweg 3", "postcode": "10115", "city": "Berlin", "country_code": "DE",
        "contacts": [{"name": "Accounts", "phone": "+49 30 5550100", "email": "billing@kiln.example"}],
        "einvoicing_addr": "billing@kiln.example", "einvoicing_addr_schemeid": "EM",
        "vat_identifier": "DE123456788", "legal_identifier": "HRB 12345, Amtsgericht Berlin",
    }  # fmt: skip
    assert found["BG-7"] == {
        "name": "Vogel Haushaltswaren KG", "addr_l1": "Tonweg 8", "addr_l2": "2. OG", "postcode": "24103", "city": "Hafenstadt",
        "country_code": "DE", "contacts": [{"name": "Mara Vogel", "email": "mara@buyer.example"}],
        "einvoicing_addr": "mara@buyer.example", "einvoicing_addr_schemeid": "EM", "vat_identifier": "DE136695976",
    }  # fmt: skip
    terms = {name: value for name, value in found.items() if name.startswith("BT-")}
    assert terms == {
        "BT-1": "INV-2026-000042", "BT-2": TODAY, "BT-3": "380", "BT-5": "EUR", "BT-7": date(2026, 11, 30), "BT-9": date(2026, 12, 4),
        "BT-10": "04011000-12345-34", "BT-13": "1001", "BT-23": "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0",
        "BT-24": "urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0", "BT-72": date(2026, 11, 18),
        "BT-81": "58", "BT-83": "RF18539007547034", "BT-106": "10.00", "BT-109": "10.00", "BT-110": "1.90", "BT-112": "11.90",
        "BT-84": "DE02120300000000202051", "BT-85": "Kiln & Clay GmbH", "BT-86": "BYLADEM1001", "BT-113": "0.00", "BT-115": "11.90",
    }  # fmt: skip
    assert (found["BG-13"]["name"], found["BG-13"]["country_code"]) == ("Lager Nord", "DE")


@pytest.mark.parametrize("name", BASKET)
def test_both_syntaxes_say_the_same(name: str) -> None:
    made = BASKET[name]()
    one, other = read(made, Profile.XRECHNUNG, Syntax.CII), read(made, Profile.XRECHNUNG, Syntax.UBL)
    one["BG-4"].pop("tax_identifier", None)  # BT-32, which this reader does not know in UBL
    differing = {"BG-1"} if name == "odd words" else set()
    assert {term: value for term, value in one.items() if term not in differing} == {
        term: value for term, value in other.items() if term not in differing
    }


@pytest.mark.parametrize(("profile", "syntax"), WRITTEN)
@pytest.mark.parametrize("name", BASKET)
def test_the_same_document_has_the_same_bytes(name: str, profile: Profile, syntax: Syntax) -> None:
    made = BASKET[name]()
    written = WRITERS[syntax](made.document, profile, made.settlement)
    again = Document.model_validate_json(made.document.canonical())
    assert WRITERS[syntax](again, profile, made.settlement) == written


def test_gross_prices_come_out_exact() -> None:
    found = read(case("domestic, gross prices, 40 lines"))
    assert lines(found) == [("1", "2.80", "2.80")] * 40
    assert amounts(found) == ["112.00", "112.00", "21.20", "133.20", "0.00", None, "133.20"]
    # What the shop charged line by line; base x rate would be 21.28.
    assert groups(found) == [("S", "19.00", "112.00", "21.20")]


def test_discounts_are_net_and_reductions_have_negative_quantities() -> None:
    found = read(case("discounts on lines and on the order, shipping"))
    assert lines(found) == [("2", "20.92", "37.66"), ("1", "6.07", "0.00"), ("-1", "2.50", "-2.50"), ("1", "4.20", "4.20")]
    assert [each.get("BG-27") for each in found["BG-25"]] == [
        [{"amount": "4.18", "reason": "TEN PER CENT", "reason_code": "95"}],
        [{"amount": "6.07", "reason": "FREETEA", "reason_code": "95"}],
        None,
        None,
    ]
    assert amounts(found) == ["39.36", "39.36", "7.48", "46.84", "0.00", None, "46.84"]


def test_prices_have_six_places_or_are_those_of_all() -> None:
    written = cii(case("many pieces, weights and hours").document, Profile.EN16931).decode()
    assert lines(read(case("many pieces, weights and hours"))) == [
        ("12345", "0.0199", "245.67"),
        ("3.351", "7.00", "23.46"),
        ("0.3333", "127.03", "42.34"),
    ]
    assert "BasisQuantity" not in written
    document = invoice(sold("1000.00", "159.66", line("screw", "1000.00", tax("0.19", "159.66"), quantity="123456", unit_price="0.0081")))
    assert '<ram:BasisQuantity unitCode="C62">123456</ram:BasisQuantity>' in cii(document, Profile.EN16931).decode()
    assert lines(read(Case(document))) == [("123456", "840.34", "840.34")]


@pytest.mark.parametrize(
    ("name", "category", "code", "reason"),
    [
        ("AE", "AE", "VATEX-EU-AE", "Reverse charge"),
        ("K", "K", "VATEX-EU-IC", None),
        ("G", "G", "VATEX-EU-G", None),
        ("E", "E", "VATEX-EU-132-1I", "Education, Art. 132 (1) (i)"),
        ("E in words alone", "E", None, "Kein Umsatzsteuerausweis gemäß § 19 UStG"),
        ("O", "O", "VATEX-EU-O", None),
        ("Z", "Z", None, None),
    ],
)
@pytest.mark.parametrize("syntax", Syntax)
def test_what_is_not_taxed_says_why(name: str, category: str, code: str | None, reason: str | None, syntax: Syntax) -> None:
    found = read(case(name), Profile.EN16931, syntax)
    assert groups(found) == [(category, None if name == "O" else "0.00", "104.90", "0.00")]
    assert (found["BG-23"][0].get("BT-121"), found["BG-23"][0].get("BT-120")) == (code, reason)
    assert {each["BT-151"] for each in found["BG-25"]} == {category}


def test_an_intra_community_supply_says_where_it_went() -> None:
    found = read(case("K"))
    assert (found["BT-72"], found["BG-13"]["country_code"]) == (date(2026, 11, 18), "FR")


def test_outside_of_vat_nobody_has_a_vat_id_and_germany_a_rate() -> None:
    found = read(case("O"), Profile.XRECHNUNG, Syntax.UBL)
    assert "vat_identifier" not in {**found["BG-4"], **found["BG-7"]}
    assert groups(found) == [("O", "0.00", "104.90", "0.00")]


def test_one_rate_by_two_names_is_one_group() -> None:
    assert groups(read(case("one rate by two names"))) == [("S", "19.00", "30.00", "5.70")]


def test_lines_that_state_no_tax_are_zero_rated_beside_taxed_ones_and_else_what_the_others_are() -> None:
    mixed = case("tips and gift cards").document
    assert groups(read(Case(mixed))) == [("S", "19.00", "10.00", "1.90"), ("E", "0.00", "32.00", "0.00")]
    silent = tuple(each if each.tax else each.model_copy(update={"taxes": ()}) for each in mixed.lines)
    found = groups(read(Case(mixed.model_copy(update={"lines": silent}))))
    assert found == [("S", "19.00", "10.00", "1.90"), ("Z", "0.00", "32.00", "0.00")]
    document = case("AE").document
    bare = document.lines[-1].model_copy(update={"taxes": ()})
    assert groups(read(Case(document.model_copy(update={"lines": (*document.lines[:-1], bare)})))) == [("AE", "0.00", "104.90", "0.00")]


def test_cash_rounding_is_outside_of_the_total() -> None:
    assert amounts(read(case("francs, rounded in cash"))) == ["100.02", "100.02", "8.10", "108.12", "108.15", "0.03", "0.00"]


def test_tax_in_the_national_currency() -> None:
    found = read(case("euro with the tax in zloty"))
    assert (found["BT-5"], found["BT-6"], found["BT-110"], found["BT-111"]) == ("EUR", "PLN", "23.00", "99.19")


def test_a_currency_without_places() -> None:
    found = read(case("yen"))
    assert (lines(found), amounts(found)) == ([("3", "333.333333", "1000")], ["1000", "1000", "100", "1100", "0", None, "1100"])


@pytest.mark.parametrize("syntax", Syntax)
def test_a_credit_note_is_positive_and_names_its_original(syntax: Syntax) -> None:
    found = read(case("credit note, partial"), Profile.EN16931, syntax)
    assert (found["BT-3"], found["BT-1"], found["BT-9"]) == ("381", "CN-2026-000007", date(2026, 12, 1))
    assert found["BG-3"] == [{"BT-25": "INV-2026-000042", "BT-26": TODAY}]
    assert amounts(found) == ["19.84", "19.84", "1.90", "21.74", "0.00", None, "21.74"]
    assert found["BG-1"][0] == {"BT-22": "Arrived broken"}
    assert "BT-84" not in found, "the seller's account is no place to send a refund to"


def test_a_full_credit_note_mirrors_its_invoice() -> None:
    basket = many(6, includes=True, rates=("0.19", "0.07"))
    original = invoice(basket)
    one, other = read(Case(original)), read(Case(note(original, basket, None)))
    assert groups(one) == groups(other)
    assert [each[2] for each in lines(one)] == [each[2] for each in lines(other)]
    assert amounts(one) == amounts(other)


def test_a_fee_on_a_credit_note_has_a_negative_quantity() -> None:
    found = read(case("credit note less a fee"))
    assert lines(found)[0] == ("1", "100.00", "100.00")
    assert all(Decimal(price) >= 0 for _, price, _ in lines(found))
    assert amounts(found) == ["90.00", "90.00", "17.10", "107.10", "0.00", None, "107.10"]


@pytest.mark.parametrize(
    ("name", "means", "paid", "left", "due_on"),
    [
        ("paid", ("68", "Visa, gift card"), "23.74", "0.00", None),
        ("paid in part", ("58", None), "10.00", "13.74", date(2026, 12, 4)),
        ("due without a bank account", ("1", None), "0.00", "23.74", date(2026, 12, 4)),
        ("nothing to pay", ("1", None), "0.00", "0.00", None),
    ],
)
@pytest.mark.parametrize("syntax", Syntax)
def test_how_it_was_or_is_to_be_paid(
    name: str, means: tuple[str, str | None], paid: str, left: str, due_on: date | None, syntax: Syntax
) -> None:
    found = read(case(name), Profile.EN16931, syntax)
    assert (found["BT-81"], found.get("BT-82")) == means
    assert (found["BT-113"], found["BT-115"], found.get("BT-9")) == (paid, left, due_on)


def test_more_than_everything_is_not_paid() -> None:
    made = case("paid")
    assert amounts(read(Case(made.document, Settlement(paid=9_999_999))))[4:] == ["23.74", None, "0.00"]


def test_another_currency_is_no_sepa_transfer() -> None:
    assert read(Case(invoice(sold("11.90", "1.90", line("mug", "11.90", tax("0.19", "1.90")), currency="CHF"))))["BT-81"] == "30"


def test_text_is_xml_that_can_be_read() -> None:
    found = read(case("odd words"), Profile.PEPPOL, Syntax.UBL)
    assert found["BG-7"]["name"] == "Tom & Jerry <script>"
    assert found["BG-25"][0]["BT-153"] == "Mug <b>&\u200b ]]> #AAI#"
    assert found["BG-25"][0]["BT-154"] == "two\nlines"
    assert "BT-155" not in found["BG-25"][0]
    # Three characters between number signs would be a subject code, and Peppol knows one note alone.
    assert found["BG-1"] == [{"BT-22": "Mention\nXYZ# note\na#b#"}]


def taxed(*taxes: LineTax) -> Document:
    document = case("two rates").document
    first = document.lines[0]
    amount = sum(each.amount for each in taxes)
    lines = (first.model_copy(update={"taxes": taxes, "tax": amount, "gross": first.net + amount}),)
    return document.model_copy(update={"lines": lines, "taxes": tax_groups(lines)})


def stated(category: TaxCategory, rate: str | None, amount: int, name: str = "VAT") -> LineTax:
    return LineTax(category=category, name=name, rate=None if rate is None else Decimal(rate), amount=amount)


def without(field: str) -> Document:
    document = case("domestic, net prices").document
    seller = document.seller.model_copy(update={"tax_ids": (), "registration": None})
    nowhere = document.seller.model_copy(update={"address": Address(city="Berlin")})
    changes: dict[str, dict[str, Any]] = {
        "seller's country": {"seller": nowhere},
        "buyer": {"buyer": None},
        "seller's ids": {"seller": seller},
    }
    return document.model_copy(update=changes[field])


def dinars() -> Document:
    national = NationalTax(currency="BHD", tax=4_100, rate=Decimal("0.41"), source="table")
    return case("domestic, net prices").document.model_copy(update={"national_tax": national})


STANDARD = TaxCategory.STANDARD

REFUSED = {
    "three places": (lambda: invoice(sold("1.100", "0.100", line("mug", "1.100", tax("0.10", "0.100")), currency="KWD")),
                     "KWD has 3 decimal places: EN 16931 knows two"),
    "three places of the national tax": (dinars, "BHD has 3 decimal places: EN 16931 knows two"),
    "several taxes": (lambda: taxed(stated(STANDARD, "0.0725", 51, "State"), stated(STANDARD, "0.01", 7, "City")),
                      "line 1 bears several taxes (State, City): EN 16931 knows one VAT category per line"),
    "no rate": (lambda: taxed(stated(STANDARD, None, 112)),
                "line 1 bears VAT without a rate: EN 16931 wants the rate of every taxed line"),
    "tax on what is exempt": (lambda: taxed(stated(TaxCategory.EXEMPT, "0", 5)), "line 1 is of category E but bears tax"),
    "tax a euro off": (lambda: taxed(stated(STANDARD, "0.19", 212)), "the tax of 2.12 EUR at 19 % is 1.00 or more away from base x rate"
                       " (1.12): EN 16931 does not accept that (BR-CO-17)"),
    "seller's country": (lambda: without("seller's country"), "en16931 needs the seller's country (BT-40)"),
    "buyer": (lambda: without("buyer"), "en16931 needs the buyer's country (BT-55)"),
    "seller's ids": (lambda: without("seller's ids"),
                     "en16931 needs a VAT id, a tax number or a register entry of the seller (BR-CO-26)"),
    "reason": (lambda: untaxed(TaxCategory.EXEMPT, HOME), "no reason is named for what is of category E: EN 16931 wants one (BR-E-10)"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("syntax", Syntax)
def test_what_the_norm_cannot_say_is_no_e_invoice(name: str, syntax: Syntax) -> None:
    make, reason = REFUSED[name]
    with pytest.raises(NotRepresentable) as caught:
        WRITERS[syntax](make(), Profile.EN16931)
    assert caught.value.reason == reason


def test_99_cents_off_are_as_charged() -> None:
    assert groups(read(Case(taxed(stated(STANDARD, "0.19", 211))))) == [("S", "19.00", "5.88", "2.11")]


def test_everything_that_xrechnung_misses_is_named_at_once() -> None:
    document = case("domestic, net prices").document
    assert document.buyer is not None
    seller = document.seller.model_copy(update={"email": None, "phone": None, "address": Address(country="DE")})
    buyer = document.buyer.model_copy(update={"email": None, "address": Address(city="Kiel", country="DE")})
    document = document.model_copy(update={"seller": seller, "buyer": buyer, "orders": ()})
    with pytest.raises(NotRepresentable) as caught:
        cii(document, Profile.XRECHNUNG)
    assert caught.value.reason == (
        "xrechnung needs an electronic address of the seller (BT-34), a telephone number of the seller (BR-DE-6), an e-mail address of the"
        " seller (BR-DE-7), the seller's city (BR-DE-3), the seller's postcode (BR-DE-4), an electronic address of the buyer (BT-49),"
        " a buyer reference (BT-10), the buyer's postcode (BR-DE-9)"
    )
    assert read(Case(document))["BT-1"] == "INV-2026-000042"


@pytest.mark.parametrize(("writer", "profile"), [(cii, Profile.PEPPOL), (ubl, Profile.FACTUR_X)])
def test_a_profile_has_its_syntax(writer: Any, profile: Profile) -> None:
    with pytest.raises(ValueError, match=f"{profile} is not written"):
        writer(untaxed(TaxCategory.ZERO, HOME), profile)


def test_new_fields_do_not_change_what_was_frozen() -> None:
    frozen = case("domestic, net prices").document.canonical()
    for field in ("tax_point", "national_tax", "payment_reference", "exemption_code"):
        assert field not in frozen


@given(basket=orders(), gross_paid=st.sampled_from([0, 1, 2]))
@settings(max_examples=300, deadline=None)
def test_every_order_that_can_be_said_is_said_to_the_cent(basket: Order, gross_paid: int) -> None:
    assume(exponent(basket.currency) <= 2)
    basket = basket.model_copy(update={"placed_at": PLACED, "buyer": sold("1", "0", line("x", "1")).buyer})
    try:
        document, _ = draft_invoice(basket, ENTITY, "shop-1", number="INV-1", issue_date=TODAY)
        settlement = Settlement(paid=document.totals.gross * gross_paid // 2)
        found = content(document, Profile.EN16931, settlement)
    except (Held, NotRepresentable):
        return
    assert document.kind is DocumentKind.INVOICE
    assert found.gross + found.rounding == document.totals.gross
    assert found.due == due(document, settlement)
    assert found.net == sum(each.net for each in found.lines) == sum(group.base for group in found.groups)
    assert found.tax == sum(group.tax for group in found.groups) == document.totals.tax
    for each in found.lines:
        assert each.price >= 0
        assert each.price == round(each.price, 6)
        worth = each.quantity * each.price / (each.price_quantity or 1) - from_minor(each.allowance, found.currency)
        assert abs(worth - from_minor(each.net, found.currency)) <= Decimal("0.02")
