from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import migrations
from django.utils import timezone

BATCH = 1000


def move(apps, schema_editor):
    """Nobody has to sign in again."""
    old, new = apps.get_model("sessions", "Session").objects, apps.get_model("sign_in", "Session")
    store = SessionStore()
    moved = (
        new(
            session_key=row.session_key,
            session_data=row.session_data,
            expire_date=row.expire_date,
            user_id=store.decode(row.session_data).get(SESSION_KEY),
        )
        for row in old.filter(expire_date__gt=timezone.now()).iterator(BATCH)
    )
    new.objects.bulk_create(moved, BATCH)
    old.all().delete()


def move_back(apps, schema_editor):
    old, new = apps.get_model("sessions", "Session"), apps.get_model("sign_in", "Session").objects
    moved = (
        old(session_key=row.session_key, session_data=row.session_data, expire_date=row.expire_date)
        for row in new.iterator(BATCH)
    )
    old.objects.bulk_create(moved, BATCH)
    new.all().delete()


class Migration(migrations.Migration):
    dependencies = [("sign_in", "0001_session"), ("sessions", "0001_initial")]

    operations = [migrations.RunPython(move, move_back)]
