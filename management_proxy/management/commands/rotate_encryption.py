"""`manage.py rotate_encryption`: encrypt everything stored anew under the first of
ENCRYPTION_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from management_proxy.encryption_rotation import rotate_everything


class Command(BaseCommand):
    """Run it after a new secret was put first and all processes were restarted; then the old ones
    may go."""

    help = (
        "Encrypt stored keys, dead letters and the like anew under the first of ENCRYPTION_KEYS."
        " Afterwards the other secrets may be removed."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        lost = 0
        for name, rotated in rotate_everything().items():
            self.stdout.write(
                f"{name}: {rotated.done} encrypted anew, {rotated.undecryptable} that no secret"
                " fits"
            )
            lost += rotated.undecryptable
        if lost:
            raise CommandError(
                f"{lost} values cannot be decrypted; put the secret that wrote them back at the end"
                " of ENCRYPTION_KEYS and repeat"
            )
