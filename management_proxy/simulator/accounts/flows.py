"""How each provider logs in: addresses, scopes, and whether a code or a device finishes it."""

from dataclasses import dataclass

ALIASES = {
    "claude": "anthropic",
    "openai": "codex",
    "anti-gravity": "antigravity",
    "x-ai": "xai",
    "x.ai": "xai",
    "grok": "xai",
}
FILE_TYPES = {"anthropic": "claude"}


@dataclass(frozen=True)
class Flow:
    """How one provider logs in."""

    name: str
    address: str
    client: str
    callback: str = ""
    scope: str = ""
    device_prefix: str = ""


FLOWS = {
    flow.name: flow
    for flow in (
        Flow(
            "anthropic",
            "https://claude.ai/oauth/authorize",
            "9d1c250a-e61b-44d9-88ed-5944d1962f5e",
            "http://localhost:54545/callback",
            "user:profile user:inference user:sessions:claude_code user:mcp_servers"
            " user:file_upload",
        ),
        Flow(
            "codex",
            "https://auth.openai.com/oauth/authorize",
            "app_EMoamEEZ73f0CkXaXp7hrann",
            "http://localhost:1455/auth/callback",
            "openid email profile offline_access",
        ),
        Flow(
            "antigravity",
            "https://accounts.google.com/o/oauth2/v2/auth",
            "simulated.apps.googleusercontent.com",
            "http://localhost:51121/oauth-callback",
            "https://www.googleapis.com/auth/cloud-platform",
        ),
        Flow("kimi", "https://www.kimi.com/code/authorize_device", "", device_prefix="kmi"),
        Flow("xai", "https://accounts.x.ai/oauth2/device", "", device_prefix="xai"),
    )
}
