"""Memory is settled where the C library allows it, and nothing breaks where it does not."""

import ctypes
from types import SimpleNamespace

import pytest

from config import memory


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallopt"), reason="this C library has no mallopt"
)
def test_settings_are_taken_by_glibc(monkeypatch):
    glibc, taken = ctypes.CDLL(None), []
    reported = SimpleNamespace(mallopt=lambda *setting: taken.append(glibc.mallopt(*setting)))
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: reported)
    memory.settle()
    assert taken == [1, 1]


def test_another_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: object())
    memory.settle()
