from collections.abc import Callable
from io import BytesIO

import pytest
from facturx import get_facturx_xml_from_pdf
from facturx.parse_xml import parse_ubl_cii_xml
from lxml import etree
from pikepdf import Pdf

from adapter.domain.document import Settlement
from adapter.domain.einvoice import Profile, cii
from adapter.infra.chromium import Chromium
from adapter.infra.hybrid import attach
from adapter.infra.renderer import Renderer
from adapter.infra.validation import Validator
from tests.domain.einvoices import CASES

pytestmark = pytest.mark.asyncio(loop_scope="session")

Validate = Callable[[bytes], list[str]]
FX = "{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}"


@pytest.mark.parametrize("name", ["domestic, gross prices, 40 lines", "credit note, partial", "odd words"])
async def test_the_pdf_with_its_e_invoice_is_archivable_and_readers_find_it(chromium: Chromium, validate: Validate, name: str) -> None:
    made = CASES[name]()
    written = cii(made.document, Profile.FACTUR_X, made.settlement)
    renderer = Renderer(chromium)
    pdf = await renderer.pdf(made.document, made.settlement, attachments=[attach(written)])
    assert validate(pdf) == []
    assert get_facturx_xml_from_pdf(pdf, check_xsd=True) == ("factur-x.xml", written)
    found = parse_ubl_cii_xml(get_facturx_xml_from_pdf(pdf)[1])
    assert (found["BT-1"], found["BT-24"]) == (made.document.number, "urn:cen.eu:en16931:2017")
    assert await renderer.pdf(made.document, made.settlement, attachments=[attach(written)]) == pdf
    validator = Validator()
    try:
        assert (await validator.validate(get_facturx_xml_from_pdf(pdf)[1], Profile.FACTUR_X)).findings == ()
    finally:
        await validator.close()


async def test_the_pdf_says_what_it_carries(chromium: Chromium) -> None:
    made = CASES["domestic, net prices"]()
    renderer = Renderer(chromium)
    plain = await renderer.pdf(made.document, Settlement())
    hybrid = await renderer.pdf(made.document, Settlement(), attachments=[attach(cii(made.document, Profile.FACTUR_X))])
    with Pdf.open(BytesIO(hybrid)) as document:
        entry = document.Root.AF[0]
        assert (str(entry.UF), entry.AFRelationship, entry.EF.F.Subtype) == ("factur-x.xml", "/Alternative", "/text/xml")
        metadata = etree.fromstring(document.Root.Metadata.read_bytes())
    values = {name: metadata.findtext(f".//{FX}{name}") for name in ("DocumentType", "DocumentFileName", "Version", "ConformanceLevel")}
    assert values == {"DocumentType": "INVOICE", "DocumentFileName": "factur-x.xml", "Version": "1.0", "ConformanceLevel": "EN 16931"}
    assert b"factur-x" not in plain
