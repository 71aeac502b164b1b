"""The catalogues: complete in every language, with the placeholders of the sources, and nothing said that they do not have."""

import ast
import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.plurals import get_plural
from babel.messages.pofile import read_po
from jinja2 import Environment

import adapter
from adapter.domain.phrases import Phrase
from adapter.domain.tax import mentions
from adapter.infra.language import TEMPLATES, languages

LANGUAGES = ("ar", "cs", "da", "de", "el", "en", "es", "fi", "fr", "hu", "it", "ja", "nl", "pl", "pt", "ro", "sv", "zh-Hans")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")


def spoken():
    """Every message of templates and code."""
    templates = extract_from_dir(
        TEMPLATES,
        [("document/**.j2", "jinja2.ext:babel_extract"), ("email/**.j2", "jinja2.ext:babel_extract")],
        keywords={"_": None, "both": None},
    )
    code = extract_from_dir(Path(adapter.__file__).parent / "infra", [("*.py", "python")], keywords={"_": None})
    found = {message for messages in (templates, code) for _, _, message, _, _ in messages}
    return found | {phrase.value for phrase in Phrase} | set(mentions.MSGIDS)


def catalogue(tag, name):
    with (TEMPLATES / "locale" / tag.replace("-", "_") / "LC_MESSAGES" / name).open("rb") as source:
        return read_po(source, abort_invalid=True)


def messages(tag):
    return {message.id: message for name in ("documents.po", "mentions.po") for message in catalogue(tag, name) if message.id}


def test_these_languages_are_spoken():
    assert languages() == LANGUAGES


@pytest.mark.parametrize("tag", LANGUAGES)
def test_every_message_is_translated_and_none_is_left_over(tag):
    found = messages(tag)
    assert set(found) - spoken() == set()
    assert spoken() - set(found) == set()
    assert [message.id for message in found.values() if message.fuzzy] == []
    if tag != "en":
        assert [message.id for message in found.values() if not message.string.strip()] == []


@pytest.mark.parametrize("tag", LANGUAGES)
def test_translations_keep_the_placeholders_and_the_number_sign(tag):
    for message in messages(tag).values():
        if not message.string:
            continue
        assert sorted(PLACEHOLDER.findall(message.string)) == sorted(PLACEHOLDER.findall(message.id)), message.id
        assert PLACEHOLDER.sub("", message.string).count("%") == 0, message.id
        assert message.string.count("#%(") == message.id.count("#%("), message.id


@pytest.mark.parametrize("tag", LANGUAGES)
@pytest.mark.parametrize("name", ["documents.po", "mentions.po"])
def test_plural_forms_are_those_of_the_language(tag, name):
    found = catalogue(tag, name)
    assert str(found.locale).replace("_", "-") == tag
    assert (found.num_plurals, found.plural_expr) == tuple(get_plural(tag.replace("-", "_")))


@pytest.mark.parametrize("tag", LANGUAGES)
def test_each_mention_says_whether_its_words_are_verified_and_by_what(tag):
    found = messages(tag)
    for mention in mentions.Mention:
        comments = found[mention.text].auto_comments
        assert len(comments) == 1, mention
        assert re.match(r"verified: \S|unverified", comments[0]), mention
        own = mentions.WORDINGS.get((mention, tag))
        words = found[mention.text].string or mention.text
        confirmed = own is not None and own.verified and own.text == words
        assert comments[0].startswith("verified") is confirmed, mention


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("document/*.j2")) + sorted(TEMPLATES.glob("email/*.j2")), ids=lambda path: path.name)
def test_templates_contain_no_words_of_their_own(path):
    if path.name == "style.css.j2":
        return
    tokens = Environment(autoescape=True).lex(path.read_text(encoding="utf-8"))
    literal = "".join(value if kind == "data" else "\0" for _, kind, value in tokens)
    literal = re.sub(r"<style>.*?</style>", "", literal, flags=re.DOTALL)
    text = re.sub(r"<[^>]*>|&\w+;", "\n", literal).replace("\0", "")
    assert re.findall(r"[^\W\d_]{2,}", text) == []


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*/*.j2")), ids=lambda path: path.name)
def test_attributes_that_are_read_aloud_are_not_literal(path):
    literal = path.read_text(encoding="utf-8")
    assert re.findall(r'\b(?:alt|title|aria-label|placeholder)="[^"{]*[A-Za-z]', literal) == []


def test_the_domain_names_nothing_in_english_beside_its_phrases():
    """Whatever a `name=` or `reason=` of a document is made from in the domain, it is no literal text."""
    domain = Path(adapter.__file__).parent / "domain"
    found = []
    for path in (domain / name for name in ("tax/adopt.py", "credit.py", "ledger.py", "issue.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg in {"name", "reason", "notes"}:
                texts = [leaf.value for leaf in ast.walk(node.value) if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)]
                found += [f"{path.name}: {text}" for text in texts if re.search(r"[A-Za-z]{2}", text)]
    assert found == []
