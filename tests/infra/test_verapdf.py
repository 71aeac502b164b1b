"""The verdict of veraPDF, the validator that archives and authorities ask, on a basket of documents.

It is a program of its own: `ADAPTER_TEST_VERAPDF` names its command. `tests/infra/conftest.py::validate` judges by the same standards
wherever tests run.
"""

import asyncio
import os
import re
import shutil
from datetime import date
from pathlib import Path

import pytest

from adapter.domain.amended import additional_invoice
from adapter.domain.clearance import ClearanceMark, ClearanceState
from adapter.domain.document import Branding, Settlement
from adapter.domain.einvoice import Profile, cii
from adapter.infra.hybrid import attach
from adapter.infra.language import languages
from adapter.infra.logo import drawable_logo
from adapter.infra.pages import document_html
from adapter.infra.renderer import Renderer
from tests.domain.einvoices import CASES as E_INVOICES
from tests.infra.conftest import goods
from tests.infra.test_basket import CASES as BASKET
from tests.infra.test_basket import SVG, logo
from tests.infra.test_finisher import CASES, WORLD

COMMAND = os.environ.get("ADAPTER_TEST_VERAPDF")
FONTS = ("Noto Sans", "Noto Serif", "Liberation Sans", "Liberation Serif", "DejaVu Sans", "DejaVu Serif")
WORDS = (
    "Ünïcode “quoted” ½ ﬁ № ℃ Å Ελληνικά Кириллица ქართული Հայերեն", "茶碗「青海波」⻘⽊ 豈 中文 한국어 𠮷", "كوب لله ﷺ עברית שלום",
    "ไทย हिन्दी বাংলা வு தமிழ் ಕನ್ನಡ ລາວ ខ្មែរ မြန်မာ አማርኛ", "🍵 👩‍🎨 🏳️‍🌈 🇩🇪 ✊🏽 1️⃣ ☎ ✓", "₿ ₴ ₹ ₽ ₩ ₪ ₺",
    "e\u0301 a\u0308\u0323 茶\u0302 he\u0650re a\u180fb",
    "soft\u00adhyphen zero\u200bwidth \ufeff \u202eevil\u202c \ue000 \x00 \ufffe", "𝐌𝐚𝐭𝐡 𝄞 𓀀 → ∑ ♻",
)  # fmt: skip

pytestmark = [
    pytest.mark.skipif(not COMMAND, reason="ADAPTER_TEST_VERAPDF does not name the command of veraPDF"),
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(1_800),
]


def basket(make):
    """Every kind of document as (document, settlement, logo, attachments), by a name that can be one of a file."""
    svg, found = drawable_logo(SVG), {}
    for name, fields in CASES.items():
        found[f"finished {name}"] = (make(**fields), Settlement(paid=500), None, ())
    for name, (fields, kind) in BASKET.items():
        found[f"basket {name}"] = (make(**fields), Settlement(paid=100), kind and (svg if kind == "SVG" else logo(kind)), ())
    for name, case in E_INVOICES.items():
        made = case()
        e_invoice = attach(cii(made.document, Profile.FACTUR_X, made.settlement))
        found[f"hybrid {name}"] = (made.document, made.settlement, svg, (e_invoice,))
    for tag in languages():
        found[f"credit note in {tag}"] = (make(2, language=tag, kind="credit_note", **WORLD), Settlement(paid=1, method="Visa"), None, ())
        found[f"{tag} and Arabic"] = (make(2, language=tag, second_language="ar", mode="test"), Settlement(), svg, ())
        first = make(2, language=tag)
        found[f"additional in {tag}"] = (additional_invoice((first,), (), tuple(goods(1)), make(3, language=tag)), Settlement(), None, ())
    for font in FONTS:
        found[f"words in {font}"] = (make(2, notes=WORDS, branding=Branding(font=font)), Settlement(), svg, ())
    for state in ClearanceState:
        mark = ClearanceMark(state=state, id="1234", on=date(2026, 11, 20), qr="https://clearance.example/" + "x" * 900)
        found[f"clearance {state.value}"] = (make(2), Settlement(clearance=mark), None, ())
    for count in (1, 24, 900, 1_000):
        found[f"{count} lines"] = (make(count, mode="test"), Settlement(), svg, ())
    return {re.sub(r"\W+", "-", name): parts for name, parts in found.items()}


async def verdicts(folder, flavour):
    """What veraPDF says of each file of the folder in this flavour, and what failed. It is started once, as that takes longest."""
    command = shutil.which(COMMAND)
    assert command is not None, f"ADAPTER_TEST_VERAPDF: there is no command {COMMAND}"
    files = [str(path) for path in sorted(folder.iterdir())]
    running = await asyncio.create_subprocess_exec(
        command, "--flavour", flavour, "--format", "text", "--verbose", *files, stdout=-1, stderr=asyncio.subprocess.DEVNULL
    )  # fmt: skip
    said = (await running.communicate())[0].decode(errors="replace")
    found = {Path(path).stem: verdict for verdict, path in re.findall(r"^(\w+) (.*\.pdf)\b", said, re.MULTILINE)}
    assert len(found) == len(files), said
    return {name for name, verdict in found.items() if verdict != "PASS"}, said


async def test_vera_pdf_finds_nothing_in_any_document_and_something_in_what_chromium_prints(chromium, make, tmp_path):
    for name, (document, settlement, picture, attachments) in basket(make).items():
        (tmp_path / f"{name}.pdf").write_bytes(await Renderer(chromium).pdf(document, settlement, picture, attachments))
    (tmp_path / "as-printed.pdf").write_bytes(await chromium.pdf(document_html(make(), Settlement())))
    for flavour in ("3a", "ua1"):
        failed, said = await verdicts(tmp_path, flavour)
        assert failed == {"as-printed"}, said
