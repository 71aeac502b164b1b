"""Secrets at rest."""

import pytest

from adapter.errors import Misconfigured
from adapter.infra.secrets import Vault


def test_what_is_sealed_opens_and_is_not_readable() -> None:
    vault = Vault([Vault.new_key()])
    sealed = vault.seal("word word wörd")
    assert vault.open(sealed) == "word word wörd"
    assert "word" not in sealed
    assert sealed.isascii()
    assert vault.seal("word word wörd") != sealed
    assert vault.open(vault.seal("")) == ""


def test_keys_rotate() -> None:
    old, new = Vault.new_key(), Vault.new_key()
    sealed = Vault([old]).seal("word")
    both = Vault([new, old])
    assert both.open(sealed) == "word"
    rotated = both.rotate(sealed)
    assert Vault([new]).open(rotated) == "word"
    with pytest.raises(Misconfigured, match="ADAPTER_SECRET_KEYS: holds none of the keys"):
        Vault([old]).open(rotated)
    assert Vault([new]).open(both.seal("fresh")) == "fresh"


@pytest.mark.parametrize("change", [lambda sealed: sealed[:-4] + "AAA=", lambda _: "", lambda _: "plain text", lambda _: "ä\ud800\x00"])
def test_what_was_changed_does_not_open(change) -> None:
    vault = Vault([Vault.new_key()])
    for use in (vault.open, vault.rotate):
        with pytest.raises(Misconfigured) as caught:
            use(change(vault.seal("word")))
        assert caught.value.setting == "ADAPTER_SECRET_KEYS"


@pytest.mark.parametrize(
    ("keys", "problem"), [([], "has no key"), (["", "x"], "key 1 of 2"), (["A" * 44], "key 1 of 1"), (["ä" * 44], "key 1")]
)
def test_bad_keys_are_named_by_place_and_not_shown(keys: list[str], problem: str) -> None:
    with pytest.raises(Misconfigured, match=problem) as caught:
        Vault(keys)
    assert caught.value.setting == "ADAPTER_SECRET_KEYS"
    assert not any(key and key in str(caught.value) for key in keys if len(key) > 1)
