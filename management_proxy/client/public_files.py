"""Files that anybody may read, such as a list of prices: fetched within bounds, without any key."""

import httpx

_TIMEOUT = httpx.Timeout(30, connect=5)


class FileUnavailable(Exception):
    """The file could not be fetched; the message states why."""


def fetch(url: str, most_bytes: int) -> bytes:
    """The content of a file of at most so many bytes. Raises FileUnavailable."""
    content = bytearray()
    try:
        with httpx.stream("GET", url, timeout=_TIMEOUT, follow_redirects=False) as response:
            response.raise_for_status()
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > most_bytes:
                    raise FileUnavailable(f"it has more than {most_bytes:,} bytes")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise FileUnavailable(str(error) or type(error).__name__) from error
    return bytes(content)
