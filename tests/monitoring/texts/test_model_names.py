import pytest
from django.contrib import admin

from monitoring.texts.model_names import TEXTS
from tests.factories import make_user

OWN = [
    (model, shown_by)
    for model, shown_by in admin.site._registry.items()
    if model._meta.app_label != "auth"
]


@pytest.mark.parametrize(("model", "shown_by"), OWN)
def test_every_text_of_a_model_that_the_admin_shows_can_be_translated(model, shown_by):
    meta = model._meta
    shown = {*shown_by.list_display, *(shown_by.fields or ())}
    fields = [f for f in meta.fields if f.name in shown or (not shown_by.fields and f.editable)]
    texts = {str(meta.verbose_name), str(meta.verbose_name_plural)}
    for field in (*fields, *meta.many_to_many):
        if field.verbose_name.upper() != "ID":
            texts |= {str(field.verbose_name), str(field.help_text)}
    assert texts <= TEXTS | {""}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("de", ["Dead Letters", "Sammlerläufe", "Tollgate-Administration"]),
        ("zh-hans", ["死信", "采集器运行", "Tollgate 系统管理"]),
    ],
)
def test_the_admin_follows_the_readers_language(client, language, texts):
    client.force_login(make_user("ada", staff=True))
    page = client.get("/admin/", headers={"Accept-Language": language}).content.decode()
    assert [text for text in texts if text not in page] == []
    assert "Dead letters" not in page
