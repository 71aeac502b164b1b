import os
from hashlib import sha256

import pytest

from adapter.errors import GiveUp, Misconfigured
from adapter.infra.files import Files


async def test_content_is_kept_under_its_digest(tmp_path):
    files = Files(str(tmp_path / "new" / "folder"))
    digest = await files.put(b"%PDF-1.7 hello")
    assert digest == sha256(b"%PDF-1.7 hello").hexdigest()
    assert await files.get(digest) == b"%PDF-1.7 hello"
    assert await files.exists(digest)
    assert files.path(digest) == tmp_path / "new" / "folder" / digest[:2] / digest[2:]
    assert files.path(digest).read_bytes() == b"%PDF-1.7 hello"


async def test_what_is_there_is_kept_as_it_is(tmp_path):
    files = Files(str(tmp_path))
    path = files.path(await files.put(b"same"))
    os.utime(path, (1, 1))
    await files.put(b"same")
    assert path.stat().st_mtime == 1
    assert [entry for entry in tmp_path.rglob("*") if entry.is_file()] == [path]


async def test_a_damaged_file_is_refused_and_healed_by_the_next_put(tmp_path):
    files = Files(str(tmp_path))
    digest = await files.put(b"original")
    files.path(digest).write_bytes(b"tampered")
    with pytest.raises(GiveUp, match="was changed after it had been stored"):
        await files.get(digest)
    await files.put(b"original")
    assert await files.get(digest) == b"original"


async def test_a_missing_file_says_so(tmp_path):
    files = Files(str(tmp_path))
    digest = "0" * 64
    assert not await files.exists(digest)
    with pytest.raises(GiveUp, match=f"{digest} is not in the store"):
        await files.get(digest)


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 65])
async def test_only_digests_are_names(tmp_path, digest):
    with pytest.raises(ValueError, match="is not a SHA-256"):
        await Files(str(tmp_path)).get(digest)


def test_an_unusable_place_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    for place in (str(tmp_path / "file"), "nonsense://bucket"):
        with pytest.raises(Misconfigured, match="ADAPTER_FILES_URL"):
            Files(place)


async def test_a_store_behind_a_url_works_alike():
    files = Files("memory:///")
    digest = await files.put(b"remote")
    assert await files.get(digest) == b"remote"
    assert files.path(digest) is None


@pytest.mark.parametrize("place", ["folder", "memory:///"])
async def test_deleting_and_looking(tmp_path, place):
    files = Files(place if place.startswith("memory") else str(tmp_path))
    digest = await files.put(b"content")
    assert (await files.state(digest), await files.find(digest)) == ("ok", b"content")
    if (path := files.path(digest)) is not None:
        path.write_bytes(b"tampered")
        assert (await files.state(digest), await files.find(digest)) == ("changed", None)
    await files.delete(digest)
    await files.delete(digest)
    assert (await files.state(digest), await files.find(digest)) == ("missing", None)
