"""Who sells and who buys, as e-invoices name them: numbers, registers, addresses, accounts, and what lacks in words."""

from typing import Any

import pytest
from facturx.parse_xml import parse_ubl_cii_xml

from adapter.domain.document import Document, Settlement
from adapter.domain.einvoice import NotRepresentable, Profile, cii, ubl
from adapter.domain.einvoice.advice import einvoice_advice
from adapter.domain.einvoice.reference import buyer_reference
from adapter.domain.entity import Entity
from adapter.domain.order import Address, Order, TaxId
from tests.domain.baskets import line, order
from tests.domain.einvoice_cases import AMERICA, BASKET, at_home, seller, small, without_tax
from tests.domain.einvoices import ENTITY, FRANCE, HOME, invoice, note, party, sold


def read(document: Document, profile: Profile = Profile.PEPPOL, settlement: Settlement | None = None) -> dict[str, Any]:
    """The UBL as another reader understands it."""
    return dict(parse_ubl_cii_xml(ubl(document, profile, settlement)))


def refused(document: Document, profile: Profile = Profile.EN16931) -> str:
    """Why there is no such e-invoice."""
    with pytest.raises(NotRepresentable) as caught:
        ubl(document, profile)
    return caught.value.reason


@pytest.mark.parametrize(
    ("ids", "country", "vat", "legal", "address"),
    [
        ([("eu_vat", "DE 136 695 976")], "DE", "DE136695976", None, ("DE136695976", "9930")),
        ([("unknown", "BE0403019261")], "BE", "BE0403019261", None, ("0403019261", "0208")),
        ([("unknown", "12-3456789")], "US", None, None, None),
        ([("gb_vat", "980780684")], "GB", "GB980780684", None, ("GB980780684", "9932")),
        ([("eu_vat", "EL094259216")], "GR", "EL094259216", None, ("EL094259216", "9933")),
        ([("no_vat", "NO974760673MVA")], "NO", "NO974760673MVA", None, ("974760673", "0192")),
        ([("eu_vat", "SE556012579001")], "SE", "SE556012579001", None, ("5560125790", "0007")),
        ([("eu_vat", "FI20774740")], "FI", "FI20774740", None, ("003720774740", "0216")),
        ([("fi_ytunnus", "2077474-0")], "FI", None, ("20774740", "0212"), ("003720774740", "0216")),
        ([("fr_siren", "999 999 998")], "FR", None, ("999999998", "0002"), ("999999998", "0002")),
        ([("eu_vat", "FR11999999998"), ("peppol", "0225:999999998_1")], "FR", "FR11999999998", None, ("999999998_1", "0225")),
        ([("eu_vat", "DE000")], "DE", "DE000", None, ("DE000", "9930")),
        ([("au_abn", "51 824 753 556")], "AU", "AU51824753556", ("51824753556", "0151"), ("51824753556", "0151")),
    ],
)
def test_identifiers_and_their_schemes(
    ids: list[tuple[str, str]], country: str, vat: str | None, legal: tuple[str, str] | None, address: tuple[str, str] | None
) -> None:
    document = BASKET["domestic, net prices"]().document
    assert document.buyer is not None
    tax_ids = tuple(TaxId(kind=kind, value=value) for kind, value in ids)
    buyer = document.buyer.model_copy(update={"tax_ids": tax_ids, "address": Address(city="X", postcode="1", country=country)})
    document = document.model_copy(update={"buyer": buyer})
    if address is None:
        assert refused(document, Profile.PEPPOL) == "peppol needs an electronic address of the buyer (BT-49)"
        return
    found = read(document)["BG-7"]
    assert found.get("vat_identifier") == vat
    assert (found["einvoicing_addr"], found["einvoicing_addr_schemeid"]) == address
    assert (found.get("legal_identifier"), found.get("legal_identifier_schemeid")) == (legal or (None, None))


@pytest.mark.parametrize(
    ("country", "entry"), [("BE", "0403019261"), ("CH", "CHE107787577"), ("DK", "13585628"), ("FR", "303265045"), ("NO", "974760673")]
)
def test_a_register_entry_within_the_vat_id_is_the_sellers(country: str, entry: str) -> None:
    found = read(without_tax(seller(country), AMERICA, "service"), Profile.EN16931)["BG-4"]
    assert (found["legal_identifier"], found.get("vat_identifier")) == (entry, None)


def test_who_has_a_tax_number_alone_goes_by_it() -> None:
    """BT-29 and BT-32: by the tax number alone a seller does not count as told from others (BR-CO-26)."""
    written = cii(small(("tax_number", "30/123/45678")), Profile.FACTUR_X).decode()
    assert "<ram:SellerTradeParty>\n        <ram:ID>30/123/45678</ram:ID>" in written
    assert '<ram:ID schemeID="FC">30/123/45678</ram:ID>' in written
    by_siret = cii(small(("fr_siret", "303 265 045 00017"), country="FR"), Profile.FACTUR_X).decode()
    assert '<ram:ID schemeID="FC">30326504500017</ram:ID>' in by_siret
    assert '<ram:ID schemeID="0009">30326504500017</ram:ID>' in by_siret
    assert "<ram:ID>" not in by_siret[by_siret.index("<ram:SellerTradeParty>") :]


def test_the_number_of_the_registration_where_the_tax_is_due_is_the_sellers() -> None:
    """Sold from Germany to a consumer in France, where the seller is registered."""
    french = {"registrations": [{"country": "FR", "number": "FR40303265045"}]}
    entity = Entity.model_validate({**ENTITY.model_dump(mode="json"), "tax": french})
    consumer = {"name": "Jean", "email": "jean@buyer.example", "address": {"city": "Lyon", "postcode": "69001", "country": "FR"}}
    taxed = line("mug", "120.00", {"name": "TVA", "rate": "0.20", "amount": "20.00"})
    document = invoice(sold("120.00", "20.00", taxed, buyer=consumer), entity)
    assert read(document, Profile.EN16931)["BG-4"]["vat_identifier"] == "FR40303265045"
    assert [id.value for id in document.seller.tax_ids] == ["FR40303265045"]


BY_NOTHING = ENTITY.model_copy(update={"tax_ids": (), "registration": None})
BY_REGISTER = ENTITY.model_copy(update={"tax_ids": ()})
BY_VAT_ID = ENTITY.model_copy(update={"registration": None})
LACKING = {
    "any number": (lambda: without_tax(BY_NOTHING, FRANCE), "a VAT id, a tax number or a register entry of the seller (BR-CO-26)"),
    "a number of tax": (
        lambda: invoice(sold("10.00", "0", line("mug", "10.00")), BY_REGISTER),
        "a VAT id or a tax number of the seller (BR-Z-02)",
    ),
    "O": (
        lambda: without_tax(BY_VAT_ID, AMERICA, "service"),
        "a register entry or a tax number of the seller, since its VAT id may not be named outside the scope of VAT (BR-O-02)",
    ),
    "G": (lambda: without_tax(seller("DE", ("tax_number", "30/123/45678")), AMERICA), "the seller's VAT id (BR-G-02)"),
    "AE": (lambda: nameless("AE"), "the buyer's VAT id (BR-AE-02)"),
    "K": (lambda: nameless("K"), "the buyer's VAT id (BR-IC-02)"),
}


def nameless(name: str) -> Document:
    document = BASKET[name]().document
    assert document.buyer is not None
    return document.model_copy(update={"buyer": document.buyer.model_copy(update={"tax_ids": ()})})


@pytest.mark.parametrize("name", LACKING)
def test_what_a_sale_lacks_is_said_in_words(name: str) -> None:
    make, reason = LACKING[name]
    assert refused(make()) == f"en16931 needs {reason}"


def test_germans_among_themselves_have_germanys_rules_in_peppol() -> None:
    def bare(buyer: dict[str, Any]) -> Document:
        return invoice(sold("10.00", "0", line("mug", "10.00"), buyer=buyer), ENTITY.model_copy(update={"phone": None}))

    assert refused(bare(HOME), Profile.PEPPOL) == "peppol needs a telephone number of the seller (BR-DE-6)"
    assert read(bare(FRANCE))["BT-10"] == "1001"


def test_countries_have_rules_of_their_own_in_peppol() -> None:
    greek = without_tax(seller("GR", ("eu_vat", "EL094259216")), FRANCE)
    assert refused(greek, Profile.PEPPOL) == (
        "peppol needs a MARK of myDATA and a number of six parts, which are not known here (GR-R-001, GR-R-004)"
    )
    assert refused(at_home("NL", "0.21", bank=None), Profile.PEPPOL) == (
        "peppol between Dutch parties needs the seller's account for what is due, see `bank.iban` (NL-R-008)"
    )
    icelandic = without_tax(seller("IS", ("is_kennitala", "450401-3150")), party("Leir ehf.", "IS", ("peppol", "0196:4504013150")))
    assert refused(icelandic, Profile.PEPPOL) == "peppol needs the buyer's kennitala (IS-R-004)"


@pytest.mark.parametrize(
    ("country", "rate", "currency", "paid", "code", "iban"),
    [
        ("NL", "0.21", "EUR", 0, "58", True),
        ("NL", "0.21", "EUR", 12100, None, False),
        ("DK", "0.25", "DKK", 0, "31", True),
        ("DK", "0.25", "EUR", 0, "58", True),
        ("DK", "0.25", "DKK", 12500, "1", False),
        ("SE", "0.25", "EUR", 0, "30", True),
        ("FR", "0.20", "EUR", 12000, "68", False),
    ],
)
def test_how_it_is_paid_at_home(country: str, rate: str, currency: str, paid: int, code: str | None, iban: bool) -> None:
    found = read(at_home(country, rate, currency), settlement=Settlement(paid=paid, method="iDEAL" if paid else None))
    assert (found.get("BT-81"), "BT-84" in found) == (code, iban)


def test_an_e_mail_address_is_one_without_its_name() -> None:
    named = ENTITY.model_copy(update={"email": "Kiln & Clay <billing@kiln.example>"})
    found = read(invoice(sold("10.00", "0", line("mug", "10.00")), named), Profile.XRECHNUNG)["BG-4"]
    assert (found["einvoicing_addr"], found["contacts"][0]["email"]) == ("billing@kiln.example", "billing@kiln.example")


def test_places_are_written_as_the_code_list_has_them() -> None:
    assert read(BASKET["to Kosovo"]().document)["BG-7"]["country_code"] == "1A"


@pytest.mark.parametrize(
    ("details", "reference"),
    [
        ({"buyer_reference": "04011000-12345-34", "po_number": "7"}, "04011000-12345-34"),
        ({"Leitweg-ID": " 04011000-12345-34 "}, "04011000-12345-34"),
        ({"Buyer reference": "KST 4711"}, "KST 4711"),
        ({"shopify_purchase_order": "PO-7"}, "PO-7"),
        ({"buyer_reference": " ", "po_number": "PO-7"}, "PO-7"),
        ({"colour": "red"}, None),
    ],
)
def test_the_buyers_reference_comes_with_the_order(details: dict[str, str], reference: str | None) -> None:
    basket = sold("10.00", "0", line("mug", "10.00"), metadata=details)
    assert buyer_reference(basket) == ({"buyer_reference": reference} if reference else {})
    assert read(invoice(basket))["BT-10"] == (reference or "1001")


def test_a_credit_note_keeps_the_buyers_reference() -> None:
    basket: Order = order("10.00", "0", line("mug", "10.00"), metadata={"buyer_reference": "KST 4711"}, buyer=HOME)
    assert note(invoice(basket), basket, None).metadata["buyer_reference"] == "KST 4711"


def told(entity: Entity, *kinds: str, severity: str = "warning") -> list[str]:
    wanting = Entity.model_validate({**entity.model_dump(mode="json"), "einvoices": kinds})
    return [finding.message for finding in einvoice_advice(wanting) if finding.severity.value == severity]


ALL = ("factur-x", "xrechnung-cii", "xrechnung-ubl", "peppol-ubl")


def test_a_complete_seller_is_not_warned() -> None:
    assert told(ENTITY, *ALL) == []
    assert einvoice_advice(Entity.model_validate({**BY_NOTHING.model_dump(mode="json"), "einvoices": []})) == ()


def test_what_each_e_invoice_lacks_is_told_at_configuration() -> None:
    bare = ENTITY.model_copy(update={"phone": "-", "email": None, "address": Address(country="DE")})
    german = "einvoices, xrechnung-cii, xrechnung-ubl, peppol-ubl: needs"
    assert told(bare, *ALL) == [
        "einvoices, xrechnung-cii, xrechnung-ubl: needs an electronic address of the seller (BT-34): set email",
        f"{german} a telephone number of the seller (BR-DE-6): set phone",
        f"{german} an e-mail address of the seller (BR-DE-7): set email",
        f"{german} the seller's city (BR-DE-3): set address.city",
        f"{german} the seller's postcode (BR-DE-4): set address.postcode",
    ]
    assert told(bare, "factur-x") == []


@pytest.mark.parametrize(
    ("entity", "kind", "warnings"),
    [
        (
            BY_NOTHING,
            "factur-x",
            ["needs a VAT id, a tax number or a register entry of the seller (BR-CO-26): set tax_ids or registration"],
        ),
        (BY_REGISTER, "factur-x", ["for sales with or without tax needs a VAT id or a tax number of the seller (BR-S-02): set tax_ids"]),
        (
            seller("DE", ("tax_number", "30/123/45678")),
            "peppol-ubl",
            ["needs an electronic address of the seller (BT-34): set tax_ids with kind `peppol`, such as 0208:0123456789"],
        ),
        (seller("NL", bank=None), "peppol-ubl", ["between Dutch parties needs the account for what is due (NL-R-008): set bank.iban"]),
        (
            seller("DE", bank={"iban": "DE00 1111 2222"}, phone="+49 30 1234"),
            "xrechnung-ubl",
            ["bank.iban is no valid IBAN (BR-DE-19): 'DE00 1111 2222'"],
        ),
        (seller("DK", ("dk_cvr", "13585628")), "peppol-ubl", []),
    ],
)
def test_what_a_seller_lacks(entity: Entity, kind: str, warnings: list[str]) -> None:
    assert told(entity, kind) == [f"einvoices, {kind}: {warning}" for warning in warnings]


def test_what_single_sales_and_orders_need_is_told_as_well() -> None:
    infos = "\n".join(told(BY_VAT_ID.model_copy(update={"bank": None}), "peppol-ubl", severity="info"))
    for rule in ("BR-O-02", "BG-17", "BT-49", "BT-10"):
        assert rule in infos
    assert told(ENTITY, "factur-x", severity="info") == []
    abroad = Entity.model_validate(
        {**BY_NOTHING.model_dump(mode="json"), "tax": {"registrations": [{"country": "FR", "number": "FR40303265045"}]}}
    )
    assert told(abroad, "factur-x") == [], "a number of a registration is a number"
