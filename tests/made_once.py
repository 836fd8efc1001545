"""What takes long to make, what every test needs, and none changes: made once a process instead of
for every client of a test."""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import httpx
import pytest

from config.static_files import CompressedStaticFilesMiddleware
from management_proxy.client import certificates, http
from management_proxy.proxy import attempts


@contextmanager
def made_once() -> Iterator[None]:
    """Within the block, static files are found and authorities are read once."""
    with pytest.MonkeyPatch.context() as patch:
        _find_static_files_once(patch)
        _read_authorities_once(patch)
        yield


def _find_static_files_once(patch: pytest.MonkeyPatch) -> None:
    found = CompressedStaticFilesMiddleware(lambda _request: None).files

    def add_found(middleware: CompressedStaticFilesMiddleware) -> None:
        middleware.files.update(found)

    patch.setattr(CompressedStaticFilesMiddleware, "add_files_from_finders", add_found)


def _read_authorities_once(patch: pytest.MonkeyPatch) -> None:
    @cache
    def usual(trust_env: bool, *_named: str | None) -> ssl.SSLContext:
        return httpx.create_ssl_context(trust_env=trust_env)

    @cache
    def ours(*_named: str | None) -> ssl.SSLContext:
        return certificates.trusted_authorities()

    def of_httpx(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
        if verify is True and cert is None:
            return usual(trust_env, *_named())
        return httpx.create_ssl_context(verify, cert, trust_env)

    patch.setattr("httpx._transports.default.create_ssl_context", of_httpx)
    for user in (http, attempts):
        patch.setattr(user, "trusted_authorities", lambda: ours(*_named()))


def _named() -> tuple[str | None, ...]:
    """The files in the place of this host's authorities, which a test may name."""
    return os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
