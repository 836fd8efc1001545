"""Each snippet is what its client reads: the syntax of its file or language, with everything filled
in."""

import ast
import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from management_proxy.client.safe_yaml import read_yaml
from management_proxy.client_api.protocols import PROTOCOLS
from tests.docs import ROOT
from usage.connect.clients import CLIENTS

BASE, MODEL, KEY = "https://llm.example.com", "claude-sonnet-4.5[1m](high)", "sk-a_b-c0123456789"
FILLED = {"@BASE@": BASE, "@MODEL@": MODEL, "@KEY@": KEY}


def filled(snippet):
    return "".join(FILLED.get(part, part) for part in snippet.parts)


def snippets(*places):
    found = [
        (client.slug, filled(snippet))
        for client in CLIENTS
        for snippet in client.snippets
        if str(snippet.place) in places
    ]
    return [pytest.param(text, id=slug) for slug, text in found]


def test_all_clients_of_the_issue_are_there_each_with_its_source():
    sources = (ROOT / "docs" / "clients.md").read_text()

    assert len(CLIENTS) == len({client.slug for client in CLIENTS}) == 13
    for client in CLIENTS:
        assert client.protocol in PROTOCOLS
        assert f"| {client.name} |" in sources


def test_a_client_gets_the_address_the_model_and_the_key():
    for client in CLIENTS:
        text = "\n".join(filled(snippet) for snippet in client.snippets)
        assert all(value in text for value in FILLED.values()), client.slug
        assert "@BASE@" not in text


def test_protocols_of_openai_are_below_v1_and_the_others_below_the_root():
    for client in CLIENTS:
        text = "\n".join(filled(snippet) for snippet in client.snippets)
        assert (f"{BASE}/v1" in text) == (client.protocol in ("chat", "responses")), client.slug


@pytest.mark.parametrize("text", snippets("Shell"))
def test_shells_read_them(text):
    lines = subprocess.run(
        ["/bin/sh", "-n"], input=text, text=True, capture_output=True, check=False
    )
    assert (lines.returncode, lines.stderr) == (0, "")


@pytest.mark.parametrize("text", snippets("Python"))
def test_python_reads_them(text):
    assert ast.parse(text)


def test_files_read_as_what_they_are():
    texts = {
        str(snippet.place): filled(snippet) for client in CLIENTS for snippet in client.snippets
    }
    codex = tomllib.loads(texts["~/.codex/config.toml"])
    opencode = json.loads(texts["opencode.json"])
    (model,) = read_yaml(texts["~/.continue/config.yaml"])["models"]

    assert codex["model_providers"][codex["model_provider"]]["base_url"] == f"{BASE}/v1"
    assert opencode["provider"]["cliproxyapi"]["models"] == {MODEL: {"name": MODEL}}
    assert opencode["model"] == f"cliproxyapi/{MODEL}"
    assert (model["model"], model["apiKey"], model["apiBase"]) == (MODEL, KEY, f"{BASE}/v1")


def test_the_body_of_curl_is_json():
    (curl,) = (client for client in CLIENTS if client.slug == "curl")
    body = re.search(r"--data '(.+)'", filled(curl.snippets[0]))
    assert body
    assert json.loads(body[1])["model"] == MODEL


def test_the_table_holds_no_key():
    source = Path(ROOT / "usage" / "connect" / "clients.py").read_text()
    assert "sk-" not in source
