"""Compressed copies of static files: made once, renewed with the file, and done without."""

import gzip
import os

from config.static_files import compressed_copy


def test_copy_holds_the_text_and_is_renewed_with_it(tmp_path):
    file, folder = tmp_path / "some.css", tmp_path / "copies"
    file.write_text("a { color: red }\n" * 100)
    first = compressed_copy(file, folder)
    assert gzip.decompress(first.read_bytes()) == file.read_bytes()
    assert compressed_copy(file, folder) == first
    file.write_text("b { color: red }\n" * 100)
    os.utime(file, ns=(1, 1))
    second = compressed_copy(file, folder)
    assert second != first
    assert gzip.decompress(second.read_bytes()) == file.read_bytes()
    assert {one.suffix for one in folder.iterdir()} == {".gz"}


def test_what_is_small_or_no_text_has_none(tmp_path):
    (tmp_path / "small.css").write_text("a {}")
    (tmp_path / "picture.png").write_bytes(bytes(5000))
    for name in ("small.css", "picture.png", "missing.js"):
        assert compressed_copy(tmp_path / name, tmp_path / "copies") is None


def test_without_a_place_the_file_itself_is_served(tmp_path):
    file, blocked = tmp_path / "some.js", tmp_path / "blocked"
    file.write_text("1;" * 1000)
    blocked.write_text("no folder")
    assert compressed_copy(file, blocked) is None
