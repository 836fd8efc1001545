"""Names of models and fields, and their help, in the reader's language: Django's admin shows them.

They are set when all models are loaded. In the models themselves, names would be part of what
migrations describe, and each would need one.
"""

from typing import TYPE_CHECKING

from django.apps import apps
from django.utils.translation import gettext_lazy
from django.utils.translation import gettext_noop as _

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise as StrOrPromise

TEXTS = frozenset(
    (
        _("access"),
        _("acquired at"),
        _("action"),
        _("actor"),
        _("actor name"),
        _("after"),
        _("any upstream"),
        _("applied at"),
        _("at"),
        _("attempts"),
        _("audit entries"),
        _("audit entry"),
        _("auth index"),
        _("auth type"),
        _("batch"),
        _("before"),
        _("begun at"),
        _("client key"),
        _("client keys"),
        _("collection mode"),
        _("collector run"),
        _("collector runs"),
        _("created at"),
        _("credential"),
        _("credentials"),
        _("dead letter"),
        _("dead lettered"),
        _("dead letters"),
        _("detail"),
        _("duplicates"),
        _("duration ms"),
        _("ended at"),
        _("error"),
        _("error code"),
        _("error field"),
        _("expires at"),
        _("failure class"),
        _("first seen at"),
        _("from environment"),
        _("holder"),
        _("intent"),
        _("intents"),
        _("is enabled"),
        _("kind"),
        _("label"),
        _("last four"),
        _("last used at"),
        _("last used ip"),
        _("lease"),
        _("leases"),
        _("lock wait ms"),
        _("looks"),
        _("management url"),
        _("must save"),
        _("name"),
        _("outcome"),
        _("overtaken"),
        _("owner"),
        _("pages"),
        _("payload bytes"),
        _("periodic task"),
        _("periodic tasks"),
        _("personal token"),
        _("personal tokens"),
        _("popped"),
        _("position"),
        _("prefix"),
        _("provider"),
        _("public address"),
        _("reason"),
        _("renewed at"),
        _("request id"),
        _("requested at"),
        _("resolution"),
        _("resolved at"),
        _("resource"),
        _("retention seconds"),
        _("revoked at"),
        _("scope"),
        _("settled at"),
        _("source ip"),
        _("started at"),
        _("state"),
        _("statistics enabled"),
        _("status"),
        _("stored"),
        _("subject"),
        _("taken from"),
        _("target"),
        _("title"),
        _("token"),
        _("trigger"),
        _("upstream"),
        _("upstreams"),
        _("user"),
        _("version"),
        _("via"),
        _("work id"),
        _("Fencing token of the lease under which it ran."),
        _(
            "More than one: so many found nothing, from the start of the first to the end of "
            "the last."
        ),
        _("Name of the spool file it came in."),
        _("Its place in that page, from 0."),
        _("Who replayed or discarded it, and why."),
        _("What it writes; intents of one resource may be applied together."),
        _("The part of the resource that it concerns."),
        _("Stays when the user is deleted."),
        _("Secrets masked."),
        _("As the JSON API calls it."),
        _("How often it was or may have been sent."),
        _("How many later ones were carried out before it."),
        _("The upstream took it but could not save it."),
        _("Fencing token of the lease under which it was sent last."),
        _("For instance http://cliproxyapi:8317/v0/management"),
        _(
            "Where clients reach it, for instance https://llm.example.com; shown under "
            "“Connect a client”."
        ),
        _("Paused upstreams are not collected from."),
        _(
            "Push shows events within a second and gets along with other subscribers; it "
            "needs CLIProxyAPI 7.0.7 or newer."
        ),
        _("Otherwise those listed, and none if none is."),
        _("How the token begins, to recognise it by."),
        _("To the minute."),
        _("Fencing token: one larger with every new term."),
        _("host:pid:random of the process that holds it."),
        _("On the database's clock; empty when free."),
        _("What it is held for, by an id of the holder's own."),
        _("Who held it before the present term and never gave it up."),
        _("On the database's clock."),
        _("The name at that time; stays when the user is deleted."),
    )
)


def translate_models() -> None:
    """Let every name and help that is listed here follow the active language."""
    for meta in (model._meta for model in apps.get_models()):
        name = meta.verbose_name
        if isinstance(name, str) and name in TEXTS:
            # A plural that is not given is a lazy text of Django's, made of the English name.
            plural = meta.original_attrs.get("verbose_name_plural", f"{name}s")
            meta.verbose_name, meta.verbose_name_plural = _followed(name), _followed(plural)
        for field in (*meta.fields, *meta.many_to_many):
            field.verbose_name = _followed(field.verbose_name)
            field.help_text = _followed(field.help_text)


def _followed(text: "StrOrPromise") -> "StrOrPromise":
    return gettext_lazy(text) if isinstance(text, str) and text in TEXTS else text
