"""Zips are not believed: bombs, folders, damaged and encrypted members cost little and are refused
by name."""

import io
import zipfile

import pytest

from providers.accounts.uploads import LARGEST_UPLOAD
from providers.bulk import archives
from providers.bulk.archives import candidates
from providers.errors import ChangeRefused


class Sent:
    def __init__(self, name, content):
        self.name, self.file = name, io.BytesIO(content)


def zipped(members, compression=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def test_files_and_members_of_zips_are_taken_together():
    found = candidates([Sent("a.json", b"{}"), Sent("b.zip", zipped([("c.json", b'{"c": 1}')]))])
    assert [(one.name, one.content) for one in found] == [
        ("a.json", b"{}"),
        ("c.json", b'{"c": 1}'),
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("folder/a.json", "in a folder"),
        ("../../etc/a.json", "in a folder"),
        ("..\\a.json", "in a folder"),
        ("__MACOSX/a.json", "in a folder"),
        ("inner.zip", "does not end in .json"),
        ("a.txt", "does not end in .json"),
    ],
)
def test_member_of_another_place_or_kind_is_refused(name, reason):
    (found,) = candidates([Sent("a.zip", zipped([(name, b"{}")]))])
    assert (found.content, reason in found.reason) == (None, True)


def test_bomb_is_refused_by_its_declared_size():
    bomb = zipped([("a.json", b" " * 50_000_000), ("b.json", b"{}")])
    assert len(bomb) < 100_000
    big, small = candidates([Sent("a.zip", bomb)])
    assert (big.content, "larger than" in big.reason, small.content) == (None, True, b"{}")


def test_bomb_that_lies_about_its_size_is_not_unpacked():
    bomb = bytearray(zipped([("a.json", b" " * 50_000_000)]))
    at = bomb.rindex(b"PK\x01\x02")
    bomb[at + 24 : at + 28] = (2).to_bytes(4, "little")
    (found,) = candidates([Sent("a.zip", bytes(bomb))])
    assert found.content is None or len(found.content) <= LARGEST_UPLOAD + 1


def test_many_members_are_too_much_together(monkeypatch):
    monkeypatch.setattr(archives, "LARGEST_TOGETHER", 3_000_000)
    members = [(f"{number}.json", b" " * 900_000) for number in range(5)]
    with pytest.raises(ChangeRefused, match="together"):
        candidates([Sent("a.zip", zipped(members))])


def test_more_files_than_allowed_are_refused(monkeypatch):
    monkeypatch.setattr(archives, "MOST_FILES", 3)
    with pytest.raises(ChangeRefused, match="At most 3"):
        candidates([Sent("a.zip", zipped([(f"{n}.json", b"{}") for n in range(4)]))])


@pytest.mark.parametrize(
    "content",
    [b"", b"PK", b"no zip at all", zipped([("a.json", b"{}")])[:-30]],
    # An archive holds the time, by which each worker of a run would name the test differently.
    ids=["empty", "begun", "text", "cut"],
)
def test_broken_archive_is_one_refused_file(content):
    (found,) = candidates([Sent("a.zip", content)])
    assert (found.name, found.content, "as a zip" in found.reason) == ("a.zip", None, True)


def test_damaged_member_does_not_keep_the_others_back():
    whole = zipped([("a.json", b"{}" * 50), ("b.json", b"{}")], zipfile.ZIP_STORED)
    damaged, good = candidates([Sent("a.zip", whole.replace(b"{}" * 50, b"[]" * 50, 1))])
    assert (damaged.content, "damaged" in damaged.reason, good.content) == (None, True, b"{}")


def test_encrypted_member_is_refused_by_that():
    archive = bytearray(zipped([("a.json", b"{}")]))
    archive[archive.rindex(b"PK\x01\x02") + 8] |= 1
    (found,) = candidates([Sent("a.zip", bytes(archive))])
    assert "encrypted" in found.reason
