"""Checks of an auth file before it is uploaded. Pure."""

import base64
import binascii
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from management_proxy.uploaded_text import UnreadableText, decoded_text, without_mark
from providers.accounts.auth_files import PROVIDERS, AuthFile, text_in
from providers.errors import ChangeRefused

LARGEST_UPLOAD = 1024 * 1024
LONGEST_NAME = 200
# What an uploaded file must hold to be of any use; any of a group suffices.
_NEEDED = {
    "vertex": (("service_account",), ("project_id",)),
    "aistudio": (),
    "kimi": (("access_token", "refresh_token"),),
}
_TOKENS = (("refresh_token", "access_token", "api_key", "token", "cookie"),)
_FILE_NAME = re.compile(r"[^/\\\x00-\x1f\x7f]+\.json\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Upload:
    """A file that passed the checks: its name, its bytes, and whose account it is as far as it
    says."""

    name: str
    content: bytes
    provider: str
    email: str
    account: str


def checked_upload(name: str, content: bytes) -> Upload:
    """The file if it may be uploaded. Raises ChangeRefused naming the field and what is wrong with
    it."""
    if len(content) > LARGEST_UPLOAD:
        raise ChangeRefused(
            gettext("The file is larger than %(size)s KiB; an account's file has a few.")
            % {"size": LARGEST_UPLOAD // 1024},
            "file",
        )
    if not _FILE_NAME.match(name) or name.startswith(".") or len(name) > LONGEST_NAME:
        raise ChangeRefused(
            gettext(
                "The name must end in .json, contain no path and have at most %(most)s characters."
            )
            % {"most": LONGEST_NAME},
            "file",
        )
    account = _json_object(content)
    provider = account.get("type")
    if not isinstance(provider, str) or provider.lower() not in PROVIDERS:
        known = ", ".join(PROVIDERS)
        raise ChangeRefused(
            gettext('The file\'s "type" must be one of %(known)s.') % {"known": known}, "file"
        )
    for names in _NEEDED.get(provider.lower(), _TOKENS):
        if not any(account.get(key) for key in names):
            raise ChangeRefused(
                gettext("The file holds none of %(names)s: no login is possible with it.")
                % {"names": ", ".join(names)},
                "file",
            )
    content = without_mark(content)
    return Upload(name, content, provider.lower(), _email_of(account), _account_of(account))


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        account = json.loads(decoded_text(content), parse_constant=_refused_constant)
    except UnreadableText as error:
        raise ChangeRefused(
            gettext("The file cannot be read: %(error)s.") % {"error": error}, "file"
        ) from error
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 0)
        raise ChangeRefused(
            gettext("The file is not JSON (line %(line)s).") % {"line": line}
            if line
            else gettext("The file is not JSON."),
            "file",
        ) from error
    if not isinstance(account, dict):
        raise ChangeRefused(gettext("The file's JSON must be an object."), "file")
    return account


def _refused_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")  # Python takes NaN and Infinity, the upstream does not


def _email_of(account: dict[str, Any]) -> str:
    return text_in(account, "email") or text_in(_claims(account), "email")


def _account_of(account: dict[str, Any]) -> str:
    # A person may have several accounts or projects under one address.
    nested = _claims(account).get("https://api.openai.com/auth")
    claims: dict[str, Any] = nested if isinstance(nested, dict) else {}
    return (
        text_in(account, "account_id")
        or text_in(claims, "chatgpt_account_id")
        or text_in(account, "project_id")
    )


def _claims(account: dict[str, Any]) -> dict[str, Any]:
    token = account.get("id_token")
    if not isinstance(token, str) or token.count(".") != 2:
        return {}
    payload = token.split(".")[1]
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def twin_of(upload: Upload, present: Iterable[AuthFile]) -> AuthFile | None:
    """Another file of the same account, if there is one: two copies of it would invalidate each
    other's tokens."""
    for file in present:
        is_same_person = (
            file.provider == upload.provider
            and bool(upload.email)
            and file.email.lower() == upload.email.lower()
        )
        if (
            is_same_person
            and file.name != upload.name
            and (not file.account or not upload.account or file.account == upload.account)
        ):
            return file
    return None
