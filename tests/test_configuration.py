"""The configuration file: what is wrong is told line by line, and what is right is applied idempotently with sealed secrets."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from adapter.actions.notify import open_secrets
from adapter.apply import apply
from adapter.configuration import Configuration, Reader
from adapter.errors import Misconfigured
from adapter.infra import database
from adapter.infra.files import Files
from adapter.infra.models import CounterRow, EndpointRow, EntityRow, RuleRow, SeriesRow, SourceRow
from adapter.infra.secrets import Vault
from adapter.infra.sources import unseal
from adapter.settings import load_settings
from adapter.signature import new_secret
from tests.house import open_migrated

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
ENVIRONMENT = {
    "SHOP": "a made-up canary of the shop",
    "API_KEY": "a made-up canary of the API",
    "CONSUMER": new_secret(b"consumer" * 4),
    "NEWER": new_secret(b"newer..." * 4),
    "SHORT": "short",
}
COMPLETE = """
[[entity]]
id = "lighthouse"
name = "Lighthouse Goods Ltd"
mode = "live"
time_zone = "Europe/Berlin"
language = "de"
email = "billing@lighthouse.example"
payment_days = 30
reminder_days = [0, 10]
test_recipients = ["tester@lighthouse.example"]
address = { street = "1 Harbour Road", postcode = "20457", city = "Hamburg", country = "de" }
tax_ids = [{ kind = "eu_vat", value = "DE123456788" }]
bank = { iban = "DE02120300000000202051" }
branding = { accent = "#004488", paper = "Letter" }
logo = "logo.png"

[entity.series.invoice]
format = "R{year}-{n:05}"
next_number = 1200

[entity.series.credit_note]
format = "G{year}-{n:05}"
reset = "never"

[[source]]
id = "shop"
entity = "lighthouse"
connector = "sellapp"
secrets = ["env:SHOP"]
settings = { api_key = "env:API_KEY" }

[source.options]
language = "de"
silent_hours = 24

[source.options.mail.invoice.de]
subject = "Rechnung zu {order_number}"
message = "Vielen Dank!"

[[source.rules]]
event = "order.fulfilled"
action = "issue_invoice"
conditions = { countries = ["DE", "AT"], total_at_least = "10.00" }
parameters = { delay_hours = 24 }

[[source.rules]]
event = "invoice.*"
action = "notify"

[[endpoint]]
name = "books"
entity = "lighthouse"
url = "https://books.example.com/in"
events = ["invoice.*"]
secrets = ["file:consumer.secret"]
headers = { Authorization = "Bearer made-up" }
"""


def read(tmp_path: Path, text: str, environment: Mapping[str, str] = ENVIRONMENT) -> tuple[Configuration | None, list[str]]:
    """The configuration in this text, or what is wrong with it."""
    Image.new("RGB", (8, 2), "#1f3a5f").save(tmp_path / "logo.png")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "evil.png").write_bytes(b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><script/></svg>')
    (tmp_path / "consumer.secret").write_text(ENVIRONMENT["CONSUMER"] + "\n")
    path = tmp_path / "shop.toml"
    path.write_text(text, encoding="utf-8")
    reader = Reader(path, environment)
    found = reader.read()
    return found, [str(problem) for problem in reader.problems]


def line_of(text: str, part: str) -> int:
    """The number of the first line that holds this."""
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Vault]:
    """An open embedded database, and the vault of its process."""
    await open_migrated(load_settings({}, data=tmp_path / "data"))
    yield Vault([Vault.new_key()])
    await database.disconnect()


async def applied(tmp_path: Path, text: str, vault: Vault, now: datetime = NOW) -> list[str]:
    """Apply this text."""
    found, problems = read(tmp_path, text)
    assert found is not None, problems
    return await apply(found, tmp_path, Files(str(tmp_path / "files")), vault, now)


async def everything(vault: Vault) -> list[Any]:
    """What the database says, with secrets opened."""
    return [
        await EntityRow.all().order_by("id").values(),
        [dict(row) | {"sealed": unseal(vault, row["sealed"])} for row in await SourceRow.all().order_by("id").values()],
        await RuleRow.all().order_by("position").values("source_id", "position", "rule"),
        await SeriesRow.all().order_by("kind").values(),
        await CounterRow.all().order_by("id").values(),
        [dict(row) | {"sealed": open_secrets(vault, row["sealed"])} for row in await EndpointRow.all().order_by("id").values()],
    ]


async def test_a_complete_file_applied_twice_is_the_same(opened: Vault, tmp_path: Path) -> None:
    """Created, then updated to what is there already."""
    first = await applied(tmp_path, COMPLETE, opened)
    before = await everything(opened)
    second = await applied(tmp_path, COMPLETE, opened, NOW + timedelta(hours=1))
    assert first == [
        "entity lighthouse: created (live)",
        "source shop: created (sellapp, 2 rules)",
        "endpoint lighthouse/books: created (https://books.example.com/in)",
    ]
    assert second == [line.replace("created", "updated") for line in first]
    assert await everything(opened) == before
    secrets, settings = unseal(opened, (await SourceRow.get()).sealed)
    assert (secrets, settings) == ((ENVIRONMENT["SHOP"],), {"api_key": ENVIRONMENT["API_KEY"]})
    assert (await EntityRow.get()).settings["branding"]["logo"] is not None
    assert {(row.kind, row.format, row.reset) for row in await SeriesRow.all()} == {
        ("invoice", "R{year}-{n:05}", "yearly"),
        ("credit_note", "G{year}-{n:05}", "never"),
    }
    assert [(row.period, row.drawn) for row in await CounterRow.all()] == [("2026", 1199)]


async def test_what_a_file_does_not_name_stays(opened: Vault, tmp_path: Path) -> None:
    """A second file with another source deletes nothing."""
    await applied(tmp_path, COMPLETE, opened)
    other = '[[source]]\nid = "other"\nentity = "lighthouse"\nconnector = "shopify"\nsecrets = ["env:SHOP"]\n'
    assert await applied(tmp_path, other, opened) == ["source other: created (shopify, default rules)"]
    assert sorted([row.id for row in await SourceRow.all()]) == ["other", "shop"]
    assert await EndpointRow.all().count() == 1


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('mode = "live"', 'mode = "real"', "entity.1.mode: Input should be 'test' or 'live' (is 'real')"),
        ('time_zone = "Europe/Berlin"', 'time_zone = "Berlin"', "is not an IANA time zone such as Europe/Berlin"),
        ('language = "de"\nemail', 'language = "tlh"\nemail', "entity.1.language: 'tlh' has no catalogue under templates/locale"),
        ('logo = "logo.png"', 'logo = "missing.png"', "entity.1.logo: there is no file missing.png beside shop.toml"),
        ('logo = "logo.png"', 'logo = "empty.png"', "entity.1.logo: the file is empty"),
        ('logo = "logo.png"', 'logo = "evil.png"', "entity.1.logo: the SVG line 1: holds <script>; only shapes"),
        ('logo = "logo.png"', 'logo = "shop.toml"', "entity.1.logo: the file is no PNG, JPEG, GIF, WebP or SVG, whatever its name says"),
        ('accent = "#004488"', 'accent = "red"', "entity.1.branding.accent: 'red' is not a colour such as #1f3a5f"),
        ('accent = "#004488"', 'font = "Papyrus"', "entity.1.branding.font: Input should be 'Noto Sans', 'Noto Serif'"),
        ('format = "R{year}-{n:05}"', 'format = "R{year}"', "must contain {n}, the running number, exactly once"),
        ('format = "R{year}-{n:05}"', 'format = "G{year}-{n}"', "gives credit notes the numbers of invoices"),
        ('connector = "sellapp"', 'connector = "sellap"', "source.1.connector: 'sellap' is not installed; there are: sellapp, shopify"),
        ('entity = "lighthouse"\nconnector', 'entity = "Light House"\nconnector', "source.1.entity: String should match pattern"),
        ('secrets = ["env:SHOP"]', 'secrets = ["env:SHOPP"]', "source.1.secrets: the environment variable SHOPP is not set, or empty"),
        ('secrets = ["env:SHOP"]', 'secrets = ["env:SHORT"]', "source.1.secrets: is too short: its key has 5 bytes"),
        ('secrets = ["env:SHOP"]', "secrets = []", "source.1.secrets: Tuple should have at least 1 item"),
        ('settings = { api_key = "env:API_KEY" }', "settings = { api_kee = 1 }", "source.1.settings.api_kee: Extra inputs"),
        ('event = "order.fulfilled"', 'event = "order.shipped"', "'order.shipped' matches no event; there are: order.created"),
        ('action = "issue_invoice"', 'action = "render"', "'render' is not an action for rules"),
        ('total_at_least = "10.00"', "total_at_least = 10.5", "total_at_least: "),
        ('"Rechnung zu {order_number}"', '"Rechnung zu {order_no}"', "{order_no} is not a placeholder; there are {order_number}"),
        ('url = "https://books.example.com/in"', 'url = "http://192.168.1.5/in"', "endpoint.1.url: "),
        ('url = "https://books.example.com/in"', 'url = "https://books.example.com:22/in"', "endpoint.1.url: "),
        ('secrets = ["file:consumer.secret"]', 'secrets = ["file:gone.secret"]', "endpoint.1.secrets: the file gone.secret cannot be read"),
        ('headers = { Authorization', "headers = { webhook-id", "endpoint.1.headers: "),
        ('payment_days = 30', "payment_day = 30", "entity.1.payment_day: Extra inputs are not permitted (is '30')"),
    ],
)  # fmt: skip
def test_each_problem_has_its_line(tmp_path: Path, old: str, new: str, expected: str) -> None:
    """The line of the key, the place in words, the value, and what to do."""
    assert COMPLETE.count(old) >= 1
    text = COMPLETE.replace(old, new, 1)
    found, problems = read(tmp_path, text)
    assert found is None
    (problem,) = [each for each in problems if expected in each]
    changed = next(line for line in new.splitlines() if line not in COMPLETE.splitlines())
    # What a whole table gets wrong is told at its head, at most two lines above.
    assert int(problem.split(":")[0].removeprefix("line ")) in range(line_of(text, changed) - 2, line_of(text, changed) + 1), problem


def test_the_second_rule_has_its_own_line(tmp_path: Path) -> None:
    """Of two keys with one name the one that is wrong is shown, to the line."""
    text = COMPLETE.replace('event = "invoice.*"', 'event = "invoices.*"')
    assert read(tmp_path, text)[1][0].startswith(f"line {line_of(text, 'invoices.*')}: source.1.rules.2.event: ")
    second = '[[source]]\nid = "b"\nentity = "lighthouse"\nconnector = "unheard-of"\nsecrets = ["env:SHOP"]\n'
    text = COMPLETE.replace("[[endpoint]]", second + "[[endpoint]]")
    assert read(tmp_path, text)[1][0].startswith(f"line {line_of(text, 'unheard-of')}: source.2.connector: ")


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    """Two mistakes, two lines."""
    text = COMPLETE.replace('secrets = ["env:SHOP"]', 'secrets = ["env:NONE"]').replace('logo = "logo.png"', 'logo = "x.png"')
    _, problems = read(tmp_path, text)
    assert [problem.partition(":")[0] for problem in problems] == [
        f"line {line_of(text, 'x.png')}",
        f"line {line_of(text, 'env:NONE')}",
    ]


def test_not_toml_and_not_there(tmp_path: Path) -> None:
    """The line of the mistake, or the name of the file."""
    assert read(tmp_path, 'a = 1\nb = "open\n')[1][0].startswith("line 2: ")
    reader = Reader(tmp_path / "nowhere.toml", {})
    assert reader.read() is None
    assert "cannot be read" in str(reader.problems[0])


def test_the_same_thing_twice(tmp_path: Path) -> None:
    """Two sources of one name."""
    source = COMPLETE[COMPLETE.index("[[source]]") : COMPLETE.index("[[endpoint]]")]
    assert "source: 'shop' stands there twice" in read(tmp_path, COMPLETE + source)[1][0]


@pytest.mark.parametrize(
    "wrong", ['secrets = "a plain canary"', 'secrets = ["a plain canary"]', 'secrets = [["a plain canary"]]', "secrets = { a = 'canary' }"]
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path, wrong: str) -> None:
    """Files end in repositories, and messages in logs."""
    found, problems = read(tmp_path, COMPLETE.replace('secrets = ["env:SHOP"]', wrong))
    assert found is None
    assert problems
    assert all("source.1.secrets" in problem and "canary" not in problem for problem in problems)


async def test_no_secret_is_readable_in_the_data_folder(opened: Vault, tmp_path: Path) -> None:
    """Neither in the database nor in its log nor in a file."""
    await applied(tmp_path, COMPLETE, opened)
    for path in [*(tmp_path / "data").rglob("*"), *(tmp_path / "files").rglob("*")]:
        content = path.read_bytes() if path.is_file() else b""
        assert b"canary" not in content, path
        assert ENVIRONMENT["CONSUMER"].encode() not in content, path


async def test_keys_are_rotated_by_applying(opened: Vault, tmp_path: Path) -> None:
    """New key first, apply anything, take the old key away: all secrets are still readable, those that no file names too."""
    old, new = Vault.new_key(), Vault.new_key()
    await applied(tmp_path, COMPLETE, Vault([old]))
    assert unseal(Vault([new, old]), (await SourceRow.get()).sealed)[0] == (ENVIRONMENT["SHOP"],)
    await applied(tmp_path, "", Vault([new, old]))
    assert unseal(Vault([new]), (await SourceRow.get()).sealed)[0] == (ENVIRONMENT["SHOP"],)
    assert open_secrets(Vault([new]), (await EndpointRow.get()).sealed) == [(ENVIRONMENT["CONSUMER"], None)]
    with pytest.raises(Misconfigured, match="ADAPTER_SECRET_KEYS"):
        unseal(Vault([old]), (await SourceRow.get()).sealed)


async def test_an_endpoints_old_secret_ends_after_a_day(opened: Vault, tmp_path: Path) -> None:
    """Its end is fixed at the change and not put off by applying again."""
    changed = COMPLETE.replace('["file:consumer.secret"]', '["env:NEWER"]')
    await applied(tmp_path, COMPLETE, opened)
    for hours in (0, 5):
        await applied(tmp_path, changed, opened, NOW + timedelta(hours=hours))
        row = await EndpointRow.get()
        assert open_secrets(opened, row.sealed) == [(ENVIRONMENT["NEWER"], None), (ENVIRONMENT["CONSUMER"], NOW + timedelta(hours=24))]
    await applied(tmp_path, changed, opened, NOW + timedelta(hours=24))
    assert open_secrets(opened, (await EndpointRow.get()).sealed) == [(ENVIRONMENT["NEWER"], None)]


async def test_an_eleventh_secret_within_a_day_is_refused(opened: Vault, tmp_path: Path) -> None:
    """Ten sign at the same time at most; the eleventh is taken once the first has ended."""

    async def change(number: int, hours: float) -> int:
        secret = tmp_path / f"consumer.{number}"
        secret.write_text(new_secret(bytes([number]) * 32), encoding="utf-8")
        text = COMPLETE.replace("file:consumer.secret", f"file:{secret.name}")
        await applied(tmp_path, text, opened, NOW + timedelta(hours=hours))
        return len(open_secrets(opened, (await EndpointRow.get()).sealed))

    assert [await change(number, number / 10) for number in range(1, 11)] == list(range(1, 11))
    with pytest.raises(Misconfigured, match=r"endpoint books\.secrets: 11 would sign at the same time, at most 10 may"):
        await change(11, 2)
    assert await change(11, 24.2) == 10


@pytest.mark.parametrize("table", ["source", "endpoint"])
async def test_an_entity_that_does_not_exist(opened: Vault, tmp_path: Path, table: str) -> None:
    """Nothing of the file is applied."""
    text = COMPLETE.replace('[[endpoint]]\nname = "books"\nentity = "lighthouse"', '[[endpoint]]\nname = "books"\nentity = "nobody"')
    if table == "source":
        text = COMPLETE.replace('id = "shop"\nentity = "lighthouse"', 'id = "shop"\nentity = "nobody"')
    with pytest.raises(Misconfigured, match=rf"{table} \w+\.entity: there is no entity 'nobody'"):
        await applied(tmp_path, text, opened)
    assert await EntityRow.all().count() == await SourceRow.all().count() == 0


async def test_a_source_stays_with_its_entity(opened: Vault, tmp_path: Path) -> None:
    """Its documents are that seller's."""
    await applied(tmp_path, COMPLETE, opened)
    other = '[[entity]]\nid = "other"\nname = "Other"\naddress = { country = "FR" }\n'
    moved = '[[source]]\nid = "shop"\nentity = "other"\nconnector = "sellapp"\nsecrets = ["env:SHOP"]\n'
    with pytest.raises(Misconfigured, match="cannot move to another entity"):
        await applied(tmp_path, other + moved, opened)
    assert await EntityRow.all().count() == 1
