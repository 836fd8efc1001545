"""Upstreams can be removed while their rows stay for the sake of their history."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("management_proxy", "0006_proxy_traffic"),
    ]

    operations = [
        migrations.AddField(
            model_name="upstream",
            name="removed_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddConstraint(
            model_name="upstream",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("removed_at", None),
                    models.Q(
                        ("from_environment", False), ("is_enabled", False), ("key_encrypted", b"")
                    ),
                    _connector="OR",
                ),
                name="removed_upstream_is_inert",
            ),
        ),
    ]
