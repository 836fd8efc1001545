"""Acts that concern many accounts or keys at once: what was planned for each, and what became of
it."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from management_proxy.models import Upstream
from providers.models.changes import Intent


class BulkAct(models.Model):
    """One thing to do with many accounts or keys; see `providers/bulk/carrying_out.py`."""

    class Subject(models.TextChoices):
        ACCOUNT = "account", _("account")
        CLIENT_KEY = "client_key", _("client key")
        PROVIDER_KEY = "provider_key", _("provider key")

    class Verb(models.TextChoices):
        UPLOAD = "upload", _("Upload files")
        ADD = "add", _("Add keys")
        ENABLE = "enable", _("Enable")
        DISABLE = "disable", _("Disable")
        PRIORITY = "priority", _("Set priority")
        NOTE = "note", _("Set note")
        OWNER = "owner", _("Change owner")
        DELETE = "delete", _("Delete")

    upstream = models.ForeignKey(Upstream, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="bulk_acts"
    )
    subject = models.CharField(max_length=12, choices=Subject, default=Subject.ACCOUNT)
    verb = models.CharField(max_length=10, choices=Verb)
    value = models.CharField(
        max_length=500,
        blank=True,
        help_text="Priority, note, the owner's user name, or the family of added keys.",
    )
    made_at = models.DateTimeField(default=timezone.now)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.CheckConstraint(
                condition=Q(finished_at=None) | Q(confirmed_at__isnull=False),
                name="bulk_act_finished_after_confirmed",
            ),
        )
        indexes = (
            models.Index(
                fields=("upstream", "id"),
                name="bulk_act_open",
                condition=Q(confirmed_at__isnull=False, finished_at=None),
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.verb}"

    @classmethod
    def verbs_of(cls, subject: str, *, is_staff: bool) -> list[tuple[str, Any]]:
        """What a user may do with many of a kind: verbs with their names."""
        left_out = {cls.Verb.UPLOAD, cls.Verb.ADD}
        if subject == cls.Subject.CLIENT_KEY:
            left_out.add(cls.Verb.PRIORITY)
        if not is_staff:
            left_out.add(cls.Verb.OWNER)
        return [(verb, label) for verb, label in cls.Verb.choices if verb not in left_out]


class BulkItem(models.Model):
    """One account or key of an act: what is planned for it, and its change or outcome."""

    class Verdict(models.TextChoices):
        NEW = "new", _("new")
        REPLACES = "replaces", _("replaces the present file")
        CHANGES = "changes", _("will be changed")
        UNCHANGED = "unchanged", _("is so already")
        DUPLICATE = "duplicate", _("duplicate")
        REFUSED = "refused", _("refused")

    class Outcome(models.TextChoices):
        OPEN = "open", _("waiting")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    TO_DO = (Verdict.NEW, Verdict.REPLACES, Verdict.CHANGES)

    act = models.ForeignKey(BulkAct, on_delete=models.CASCADE, related_name="items")
    name = models.CharField(
        max_length=300,
        help_text="A file's name, a client key's id, or family and digest.",
    )
    label = models.CharField(max_length=300, blank=True, help_text="What people call it.")
    verdict = models.CharField(max_length=10, choices=Verdict)
    reason = models.CharField(max_length=500, blank=True)
    # A file or an entry that is to be added, until its intent holds it.
    content_encrypted = models.BinaryField(blank=True, default=b"", editable=False)
    intent = models.ForeignKey(
        Intent, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # Of what has no intent; an intent knows its own outcome.
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.OPEN)

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(
                fields=("act", "name"),
                condition=Q(verdict__in=("new", "replaces", "changes")),
                name="bulk_item_once_per_act",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name}: {self.verdict}"

    @property
    def title(self) -> str:
        """What people call it, else its name."""
        return self.label or self.name

    @property
    def is_to_do(self) -> bool:
        """Whether the confirmation has it done."""
        return self.verdict in self.TO_DO
