"""Whose usage may be seen: the one place that decides."""

from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


@dataclass(frozen=True)
class Scope:
    """Whose usage may be seen: that of all, or of one user's own client keys."""

    owner_id: int | None
    sees_everything: bool

    @classmethod
    def of(cls, user: AbstractBaseUser | AnonymousUser) -> "Scope":
        """Staff see everything, other users what their own client keys used."""
        return cls(owner_id=user.pk, sees_everything=bool(getattr(user, "is_staff", False)))

    def over(self, table: str) -> str:
        """A condition on the events or rollup rows of a table with this name, with the parameter
        `owner`."""
        return (
            "TRUE"
            if self.sees_everything
            else (
                f"{table}.client_key_id IN (SELECT id FROM providers_clientkey WHERE owner_id ="
                " %(owner)s)"
            )
        )
