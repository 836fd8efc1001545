"""What secrets look like: the table that every user of `monitoring/masking.py` is tested with."""

# The secret, and a text in which nothing of it may be left.
SECRETS_IN_TEXT = (
    ("sk-ant-api03-abcdefghijkl", "saw sk-ant-api03-abcdefghijkl there"),
    ("pk_live_abcdef123456", "saw pk_live_abcdef123456 there"),
    ("rk-abcdef123456", "(rk-abcdef123456)"),
    ("gsk_abcdef123456", "saw gsk_abcdef123456 there"),
    ("xai-abcdef123456", "saw xai-abcdef123456 there"),
    ("tgp_v1_abcdef123456", "saw tgp_v1_abcdef123456 there"),
    ("tollgate_abcdef123456", "saw tollgate_abcdef123456 there"),
    ("AIzaSyA1234567890abcdef", "saw AIzaSyA1234567890abcdef there"),
    ("ya29.a0AbCdEf-1234_5678", "saw ya29.a0AbCdEf-1234_5678 there"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.c2ln", "saw eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.c2ln there"),
    ("gho_abcdef1234567890", "saw gho_abcdef1234567890 there"),
    ("ghp_abcdef1234567890", "saw ghp_abcdef1234567890 there"),
    ("github_pat_11ABCDEFG0123", "saw github_pat_11ABCDEFG0123 there"),
    ("opaque+token/0123==", "Authorization: Bearer opaque+token/0123=="),
    ("opaque.token~0123", "authorization: bearer opaque.token~0123"),
    ("hunter2-and-more", "see http://user:hunter2-and-more@host/path"),
    ("4/0AbCdEfGh", "GET /callback?code=4/0AbCdEfGh&state=x1y2z3"),
    ("x1y2z3", "GET /callback?code=4/0AbCdEfGh&state=x1y2z3"),
    ("plain-client-secret", "DELETE /v0/management/api-keys?value=plain-client-secret"),
    ("opaque123", "GET /models?a=1&x-api-KEY=opaque123"),
    ("opaque123", "GET /models?a=1\\u0026access_token=opaque123"),
    # Behind an escape or an encoded character instead of a plain one.
    ("sk-abcdef123456", '{"error": "bad key:\\nsk-abcdef123456"}'),
    ("sk-abcdef123456", "key%3Dsk-abcdef123456"),
    ("sk-abcdef123456", "key\\u003dsk-abcdef123456"),
    ("sk-abcdef123456", "req_sk-abcdef123456"),
)
NO_SECRETS = (
    "task-force-7 meets the risk-analysis at desk-berlin-2",
    "the bearer of it has no key",
    "GET /v0/management/logs?after=1&limit=100",
    "mail ada@example.org, see https://example.org/a@b",
    "gpt-5.4 in organization org-abc123: limit 30000",
)
