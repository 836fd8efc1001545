"""How attempts fail: every kind of status and body of contract 2.8 to 2.10, with how often and for
whom."""

import json
from dataclasses import dataclass

HTML_502 = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad"
    " Gateway</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>"
)
EVENT_STREAM = "text/event-stream; charset=utf-8"
OPENAI_LIKE = ("codex", "xai", "kimi", "compat")
GEMINI_LIKE = ("gemini", "vertex", "antigravity")
EVERYONE = (*OPENAI_LIKE, "claude", *GEMINI_LIKE)


@dataclass(frozen=True)
class Failure:
    """One kind of failure; `{model}` and `{url}` in its body are filled in."""

    status: int
    body: str
    weight: float
    families: tuple[str, ...] = EVERYONE
    # Milliseconds that it takes, from and to.
    takes: tuple[int, int] = (200, 900)
    # Whether a response with headers came at all.
    has_headers: bool = True
    content_type: str = "application/json"
    # Whether the upstream then tries another credential.
    is_retried: bool = False

    def text(self, model: str, url: str) -> str:
        return self.body.replace("{model}", model).replace("{url}", url)


def _error(**members: object) -> str:
    return json.dumps({"error": members}, separators=(",", ":"))


def _own(status: int, body: str, weight: float, families: tuple[str, ...] = EVERYONE) -> Failure:
    """Return a refusal of the upstream itself, made before it called a provider."""
    return Failure(status, body, weight, families, takes=(0, 1), has_headers=False)


def _broken_stream(status: int, body: str, weight: float, families: tuple[str, ...]) -> Failure:
    return Failure(status, body, weight, families, (3_000, 70_000), content_type=EVENT_STREAM)


FAILURES = (
    Failure(
        429,
        _error(
            type="usage_limit_reached",
            message="The usage limit has been reached",
            plan_type="plus",
            resets_at=1787418000,
            resets_in_seconds=8456,
        ),
        26,
        ("codex",),
        is_retried=True,
    ),
    Failure(
        429,
        '{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed'
        ' your account\'s rate limit. Please try again later."},"request_id":"req_011CS9example"}',
        26,
        ("claude",),
        is_retried=True,
    ),
    Failure(
        429,
        _error(
            code=429,
            message="Resource has been exhausted (e.g. check quota).",
            status="RESOURCE_EXHAUSTED",
        ),
        26,
        GEMINI_LIKE,
        is_retried=True,
    ),
    Failure(
        429,
        _error(message="Rate limit exceeded: free-models-per-min.", code=429),
        18,
        ("compat",),
        is_retried=True,
    ),
    # The upstream of an openai-compatible executor may itself be such a proxy with everything
    # cooling down.
    Failure(
        429,
        _error(
            code="model_cooldown",
            message="All credentials for model {model} are cooling down via provider codex",
            model="{model}",
            provider="codex",
            reset_seconds=754,
            reset_time="12m34s",
        ),
        10,
        ("compat",),
        is_retried=True,
    ),
    Failure(
        400,
        '{"detail":"The \'{model}\' model is not supported when using Codex with a ChatGPT'
        ' account."}',
        8,
        ("codex",),
    ),
    Failure(
        429,
        _error(
            message="Selected model is at capacity. Please try a different model.",
            type="server_error",
        ),
        5,
        ("codex",),
        is_retried=True,
    ),
    _own(400, 'level "ultra" not supported, valid levels: low, medium, high', 3),
    _own(400, "thinking not supported for this model", 2),
    _own(400, "unknown level: extreme", 0.5),
    _own(400, "budget -5 cannot be converted to a valid level", 0.5, OPENAI_LIKE),
    _own(400, "budget 99999 out of range [128,32768]", 0.5, ("claude", *GEMINI_LIKE)),
    _own(401, "missing provider baseURL", 0.5, ("compat",)),
    _own(401, "missing access token", 0.5, ("antigravity",)),
    _own(501, "/responses/compact not supported", 0.5, ("compat",)),
    _own(503, "antigravity executor: no base url available", 0.5, ("antigravity",)),
    *(
        Failure(
            400, _error(message=message, type="invalid_request_error", code=code), 1.5, ("codex",)
        )
        for code, message in (
            (
                "thinking_signature_invalid",
                "The encrypted content of a reasoning item could not be verified.",
            ),
            ("previous_response_not_found", "Previous response with id 'resp_example' not found."),
        )
    ),
    Failure(
        400,
        _error(
            message="Your input exceeds the context window of this model.",
            type="invalid_request_error",
            code="context_too_large",
        ),
        5,
        ("codex",),
    ),
    Failure(
        400,
        '{"type":"error","error":{"type":"invalid_request_error","message":"messages.3.content:'
        ' text content blocks must be non-empty"}}',
        5,
        ("claude",),
    ),
    Failure(
        401,
        _error(
            message="Your authentication token has been invalidated. Please try signing in again.",
            type="authentication_error",
            code="auth_unavailable",
        ),
        4,
        ("codex",),
        is_retried=True,
    ),
    Failure(
        401,
        _error(message="Incorrect API key provided.", type="invalid_request_error"),
        2,
        ("compat", "xai", "kimi"),
    ),
    Failure(
        402, _error(message="Insufficient credits.", code=402), 2, ("compat",), is_retried=True
    ),
    Failure(
        403,
        '{"type":"error","error":{"type":"permission_error","message":"OAuth token does not meet'
        ' scope requirement user:inference"},"request_id":"req_011CS8example"}',
        2,
        ("claude",),
    ),
    Failure(
        404,
        _error(message="model: {model} not found", type="not_found_error"),
        2,
        ("claude", "compat", "gemini"),
    ),
    _broken_stream(
        408,
        "stream error: stream disconnected before completion: stream closed before"
        " response.completed",
        6,
        ("codex",),
    ),
    _broken_stream(
        408,
        "xai stream error: stream disconnected before response.completed or response.incomplete",
        6,
        ("xai",),
    ),
    _broken_stream(499, "context canceled", 4, ("compat", "kimi", "antigravity", "claude")),
    Failure(499, 'Post "{url}": context canceled', 9, takes=(300, 5_000), has_headers=False),
    Failure(
        500,
        'Post "{url}": dial tcp 203.0.113.9:443: connect: connection refused',
        5,
        takes=(5, 30_001),
        has_headers=False,
        is_retried=True,
    ),
    Failure(
        500,
        'Post "{url}": read tcp 10.0.0.2:41022->203.0.113.9:443: i/o timeout',
        2,
        takes=(30_000, 60_000),
        has_headers=False,
        is_retried=True,
    ),
    Failure(500, 'Post "{url}": EOF', 3, takes=(50, 9_000), has_headers=False, is_retried=True),
    Failure(
        500,
        _error(code=500, message="Internal error encountered.", status="INTERNAL"),
        3,
        GEMINI_LIKE,
        is_retried=True,
    ),
    Failure(
        502,
        HTML_502,
        5,
        ("compat", "codex"),
        (10_000, 30_021),
        content_type="text/html",
        is_retried=True,
    ),
    _broken_stream(502, "upstream stream closed before [DONE]", 2, ("compat",)),
    _broken_stream(502, "upstream stream returned an error payload", 1, ("compat",)),
    _broken_stream(502, "upstream stream ended with incomplete SSE data frame", 1, ("compat",)),
    _broken_stream(502, "upstream error event ended without data", 1, ("compat",)),
    _broken_stream(502, "claude executor: upstream returned empty stream response", 2, ("claude",)),
    _broken_stream(
        502, _error(message="upstream stream failed without error details"), 2, ("codex",)
    ),
    _broken_stream(502, "upstream did not return image output", 1, ("codex",)),
    Failure(
        503,
        _error(message="The model is overloaded. Please try again later.", status="UNAVAILABLE"),
        6,
        GEMINI_LIKE,
    ),
    Failure(
        504,
        'Post "{url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
        3,
        takes=(60_000, 120_000),
        has_headers=False,
    ),
    Failure(
        529,
        '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_011CSAexample"}',
        9,
        ("claude",),
        is_retried=True,
    ),
)


def failures_of(family: str) -> list[Failure]:
    return [failure for failure in FAILURES if family in failure.families]
