"""How each client is pointed at an upstream: one table, which the page fills in and docs/clients.md
gives the sources of.

In a text, `@BASE@` is the upstream's public address, `@MODEL@` a model and `@KEY@` the client key.
Names of models that a text could not hold unharmed are left out beforehand
(usage/connect/served.py), and of addresses by the upstream's field.
"""

import re
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_PLACES = re.compile(r"(@BASE@|@MODEL@|@KEY@)")


@dataclass(frozen=True)
class Snippet:
    """A text to copy, and where it goes."""

    place: str | Promise
    text: str

    @property
    def parts(self) -> list[str]:
        """The text, divided at what is filled in, which are parts of their own."""
        return [part for part in _PLACES.split(self.text) if part]


@dataclass(frozen=True)
class Client:
    """A client, the protocol that it speaks, the owners whose models suit it best, and its
    snippets."""

    slug: str
    name: str
    protocol: str
    owners: tuple[str, ...]
    snippets: tuple[Snippet, ...]
    note: str | Promise = ""


ANTHROPIC, OPENAI, GOOGLE = ("anthropic", "claude"), ("openai", "codex"), ("google", "gemini")
ANY = (*ANTHROPIC, *OPENAI, *GOOGLE)
_SHELL, _SETTINGS = _("Shell"), _("Its settings")
CLIENTS = (
    Client(
        "claude-code",
        "Claude Code",
        "messages",
        ANTHROPIC,
        (
            Snippet(
                _SHELL,
                "unset ANTHROPIC_API_KEY\n"
                'export ANTHROPIC_BASE_URL="@BASE@"\n'
                'export ANTHROPIC_AUTH_TOKEN="@KEY@"\n'
                'export ANTHROPIC_MODEL="@MODEL@"\n'
                'export ANTHROPIC_DEFAULT_HAIKU_MODEL="@MODEL@"\n'
                "claude",
            ),
        ),
        _(
            "The last variable names the model of its background work. To keep all of this, put the"
            " variables under env in ~/.claude/settings.json."
        ),
    ),
    Client(
        "codex",
        "Codex CLI",
        "responses",
        OPENAI,
        (
            Snippet(
                "~/.codex/config.toml",
                'model = "@MODEL@"\n'
                'model_provider = "cliproxyapi"\n\n'
                "[model_providers.cliproxyapi]\n"
                'name = "CLIProxyAPI"\n'
                'base_url = "@BASE@/v1"\n'
                'env_key = "CLIPROXYAPI_KEY"\n'
                'wire_api = "responses"',
            ),
            Snippet(_SHELL, 'export CLIPROXYAPI_KEY="@KEY@"\ncodex'),
        ),
    ),
    Client(
        "gemini-cli",
        "Gemini CLI",
        "gemini",
        GOOGLE,
        (
            Snippet(
                _SHELL,
                'export GOOGLE_GEMINI_BASE_URL="@BASE@"\n'
                'export GEMINI_API_KEY="@KEY@"\n'
                'gemini --model "@MODEL@"',
            ),
        ),
        _("When it starts, choose “Use Gemini API Key”."),
    ),
    Client(
        "opencode",
        "OpenCode",
        "chat",
        ANY,
        (
            Snippet(
                "opencode.json",
                "{\n"
                '  "$schema": "https://opencode.ai/config.json",\n'
                '  "model": "cliproxyapi/@MODEL@",\n'
                '  "provider": {\n'
                '    "cliproxyapi": {\n'
                '      "npm": "@ai-sdk/openai-compatible",\n'
                '      "name": "CLIProxyAPI",\n'
                '      "options": {\n'
                '        "baseURL": "@BASE@/v1",\n'
                '        "apiKey": "{env:CLIPROXYAPI_KEY}"\n'
                "      },\n"
                '      "models": { "@MODEL@": { "name": "@MODEL@" } }\n'
                "    }\n"
                "  }\n"
                "}",
            ),
            Snippet(_SHELL, 'export CLIPROXYAPI_KEY="@KEY@"\nopencode'),
        ),
    ),
    Client(
        "cursor",
        "Cursor",
        "chat",
        OPENAI,
        (
            Snippet(
                _SETTINGS,
                "Models > OpenAI API Key:            @KEY@\n"
                "Models > Override OpenAI Base URL:  @BASE@/v1\n"
                "Models > Add model:                 @MODEL@",
            ),
        ),
        _(
            "Cursor's own servers send the requests: the address must be reachable from the"
            " internet, and the key passes through them."
        ),
    ),
    Client(
        "continue",
        "Continue",
        "chat",
        ANY,
        (
            Snippet(
                "~/.continue/config.yaml",
                "name: CLIProxyAPI\n"
                "version: 0.0.1\n"
                "schema: v1\n"
                "models:\n"
                '  - name: "@MODEL@"\n'
                "    provider: openai\n"
                '    model: "@MODEL@"\n'
                '    apiBase: "@BASE@/v1"\n'
                '    apiKey: "@KEY@"\n'
                "    roles: [chat, edit, apply]",
            ),
        ),
    ),
    Client(
        "cline",
        "Cline",
        "chat",
        ANY,
        (
            Snippet(
                _SETTINGS,
                "API Provider:  OpenAI Compatible\n"
                "Base URL:      @BASE@/v1\n"
                "API Key:       @KEY@\n"
                "Model ID:      @MODEL@",
            ),
        ),
    ),
    Client(
        "aider",
        "aider",
        "chat",
        ANY,
        (
            Snippet(
                _SHELL,
                'export OPENAI_API_BASE="@BASE@/v1"\n'
                'export OPENAI_API_KEY="@KEY@"\n'
                'aider --model "openai/@MODEL@"',
            ),
        ),
    ),
    Client(
        "openai-python",
        "OpenAI SDK, Python",
        "responses",
        OPENAI,
        (
            Snippet(
                "Python",
                "from openai import OpenAI\n\n"
                'client = OpenAI(base_url="@BASE@/v1", api_key="@KEY@")\n'
                'response = client.responses.create(model="@MODEL@", input="Say hello.")\n'
                "print(response.output_text)",
            ),
        ),
    ),
    Client(
        "openai-js",
        "OpenAI SDK, JavaScript",
        "responses",
        OPENAI,
        (
            Snippet(
                "JavaScript",
                'import OpenAI from "openai";\n\n'
                'const client = new OpenAI({ baseURL: "@BASE@/v1", apiKey: "@KEY@" });\n'
                "const response = await client.responses.create({\n"
                '  model: "@MODEL@",\n'
                '  input: "Say hello.",\n'
                "});\n"
                "console.log(response.output_text);",
            ),
        ),
    ),
    Client(
        "anthropic-python",
        "Anthropic SDK, Python",
        "messages",
        ANTHROPIC,
        (
            Snippet(
                "Python",
                "from anthropic import Anthropic\n\n"
                'client = Anthropic(base_url="@BASE@", api_key="@KEY@")\n'
                "message = client.messages.create(\n"
                '    model="@MODEL@",\n'
                "    max_tokens=256,\n"
                '    messages=[{"role": "user", "content": "Say hello."}],\n'
                ")\n"
                "print(message.content[0].text)",
            ),
        ),
    ),
    Client(
        "anthropic-js",
        "Anthropic SDK, JavaScript",
        "messages",
        ANTHROPIC,
        (
            Snippet(
                "JavaScript",
                'import Anthropic from "@anthropic-ai/sdk";\n\n'
                'const client = new Anthropic({ baseURL: "@BASE@", apiKey: "@KEY@" });\n'
                "const message = await client.messages.create({\n"
                '  model: "@MODEL@",\n'
                "  max_tokens: 256,\n"
                '  messages: [{ role: "user", content: "Say hello." }],\n'
                "});\n"
                "console.log(message.content[0].text);",
            ),
        ),
    ),
    Client(
        "curl",
        "curl",
        "chat",
        ANY,
        (
            Snippet(
                _SHELL,
                'curl "@BASE@/v1/chat/completions" \\\n'
                '  --header "Authorization: Bearer @KEY@" \\\n'
                '  --header "Content-Type: application/json" \\\n'
                '  --data \'{"model": "@MODEL@",'
                ' "messages": [{"role": "user", "content": "Say hello."}]}\'',
            ),
        ),
    ),
)


def owners_suited_to(protocol: str) -> tuple[str, ...]:
    """The owners whose models suit best the first client that speaks a protocol."""
    return next((client.owners for client in CLIENTS if client.protocol == protocol), ANY)
