"""`python -m tests.gate.stack.prepare EVENTS DAYS KEY...`: fill a new database for the gate's load.

Its output is one JSON object: a token of staff, and two ordinary users with a token each, who own
half of the client keys between them.
"""

import json
import os
import sys

STAFF, PASSWORD = "gate", "gate-password"


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.core.management import call_command

    from config.schema.loading import load_into_empty_database

    events, days = int(sys.argv[1]), int(sys.argv[2])
    load_into_empty_database()
    call_command("migrate", verbosity=0, interactive=False)
    if events:
        with open(os.devnull, "w") as quiet:
            call_command("seed_usage", events=events, days=days, stdout=quiet, stderr=quiet)
    print(json.dumps(_people(sys.argv[3:])))


def _people(client_keys: list[str]) -> dict[str, object]:
    from django.contrib.auth.models import User

    from management_proxy.tokens.actions import create_token
    from management_proxy.upstreams.registry import ensure_environment_upstream
    from providers.models import ClientKey
    from tests.factories import make_client_key

    upstream = ensure_environment_upstream()
    assert upstream
    staff = User.objects.create_superuser(STAFF, "", PASSWORD)
    users = [User.objects.create_user(f"user-{n}", password=PASSWORD) for n in (1, 2)]
    for number, key in enumerate(client_keys):
        make_client_key(upstream, key, name=f"key {number}")
    for number, row in enumerate(ClientKey.objects.order_by("pk")):
        if number % 4 < 2:
            row.owner = users[number % 4]
            row.save()
    return {
        "staff": create_token(staff, "gate", "destroy")[1],
        "users": [
            {"id": user.pk, "token": create_token(user, "gate", "write")[1]} for user in users
        ],
    }


if __name__ == "__main__":
    main()
