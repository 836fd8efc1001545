"""A command's process: adds the client keys that it is given, all at once on "go"."""

import json
import os
import sys
import threading


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.db import connection

    from management_proxy.models import Upstream
    from providers.client_keys.actions import create

    keys, upstream, outcomes = json.loads(sys.stdin.readline()), Upstream.objects.get(), []

    def add(key: str) -> None:
        outcomes.append(create(upstream, None, owner=None, name=key[-12:], key=key).intent.state)
        connection.close()

    threads = [threading.Thread(target=add, args=(key,)) for key in keys]
    print("ready", flush=True)
    sys.stdin.readline()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(outcomes), flush=True)


if __name__ == "__main__":
    main()
