"""What a caller gets whose request reaches no thread."""

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """A response without a view; `code` is for programs, `message` for people."""

    status: str
    code: str
    message: str

    def response(self, received: bytes) -> bytes:
        """The bytes to send to a caller that sent these: below `/api/` the form of all errors."""
        is_for_programs = received.partition(b"\r\n")[0].partition(b" ")[2].startswith(b"/api/")
        kind, body = "text/plain", f"{self.message}\n"
        if is_for_programs:
            error = {"code": self.code, "message": self.message, "requestId": ""}
            kind, body = "application/json", json.dumps({"error": error})
        return (
            f"HTTP/1.1 {self.status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
            f"Connection: close\r\n\r\n{body}"
        ).encode()


LATE = Refusal(
    "408 Request Timeout", "REQUEST_TIMEOUT", "The request did not arrive within its deadline."
)
HEAD_TOO_LARGE = Refusal(
    "431 Request Header Fields Too Large", "VALIDATION_ERROR", "The request's head is too large."
)
BUSY = Refusal(
    "503 Service Unavailable", "SERVICE_BUSY", "Too many large requests; try again in a minute."
)
