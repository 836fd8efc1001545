from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("providers", "0011_acts_on_keys")]

    operations = [
        migrations.AlterField(
            model_name="bulkact",
            name="value",
            field=models.CharField(
                blank=True,
                help_text="Priority, note, the owner's user name, or the family of added keys.",
                max_length=500,
            ),
        ),
        migrations.AlterField(
            model_name="bulkact",
            name="verb",
            field=models.CharField(
                choices=[
                    ("upload", "Upload files"),
                    ("add", "Add keys"),
                    ("enable", "Enable"),
                    ("disable", "Disable"),
                    ("priority", "Set priority"),
                    ("note", "Set note"),
                    ("owner", "Change owner"),
                    ("delete", "Delete"),
                ],
                max_length=10,
            ),
        ),
    ]
