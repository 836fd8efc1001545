"""Rotating the encryption key: afterwards the old secret is not needed any more."""

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import models

from management_proxy.encryption_rotation import encrypted_columns
from management_proxy.models import Upstream
from tests.factories import make_upstream, store
from usage.ingest.dead_letters import shown
from usage.models import DeadLetter

pytestmark = pytest.mark.django_db


def test_after_a_rotation_the_old_secret_is_not_needed(settings, capsys):
    settings.ENCRYPTION_KEYS = ["the old secret"]
    store(make_upstream(), "no object")
    settings.ENCRYPTION_KEYS = ["the new secret", "the old secret"]
    call_command("rotate_encryption")
    assert "management_proxy.upstream.key_encrypted: 1 encrypted anew" in capsys.readouterr().out
    settings.ENCRYPTION_KEYS = ["the new secret"]
    assert Upstream.objects.get().stored_key == "management-key"
    assert "no object" in shown(DeadLetter.objects.get())


def test_value_that_no_secret_fits_is_told_and_kept(settings):
    settings.ENCRYPTION_KEYS = ["a lost secret"]
    make_upstream()
    settings.ENCRYPTION_KEYS = ["the new secret"]
    with pytest.raises(CommandError, match="1 values cannot be decrypted"):
        call_command("rotate_encryption")
    settings.ENCRYPTION_KEYS = ["a lost secret"]
    assert Upstream.objects.get().stored_key == "management-key"


def test_every_column_with_something_encrypted_has_the_name_that_is_rotated():
    public = {("usage.pricecatalogue", "data")}
    found = {(model._meta.label_lower, column) for model, column in encrypted_columns()}
    binary = {  # what has a length is a hash
        (model._meta.label_lower, field.name)
        for model in apps.get_models()
        for field in model._meta.local_fields
        if isinstance(field, models.BinaryField) and field.max_length is None
    }
    assert (found, public) == (binary - public, public & binary)
    assert ("management_proxy.upstream", "key_encrypted") in found
