"""Addresses under /api/ of this app."""

from django.urls import path

from providers.accounts import api as account_api
from providers.accounts.logins import api as login_api
from providers.bulk import api as act_api
from providers.change_log import api as change_api
from providers.client_keys import api as client_key_api
from providers.configuration import api as configuration_api
from providers.custom import api as custom_api
from providers.drift import api as drift_api
from providers.keys import api as provider_key_api
from providers.keys import converters  # noqa: F401 (registers `family`)

app_name = "providers-api"
urlpatterns = [
    path("providers/keys", provider_key_api.collection, name="provider-keys"),
    path("providers/keys/<family:family>/<slug:key_id>", provider_key_api.one, name="provider-key"),
    path(
        "providers/keys/<family:family>/<slug:key_id>/test",
        provider_key_api.trial,
        name="provider-key-test",
    ),
    # The former addresses, for which every list is read.
    path("providers/keys/<slug:key_id>", provider_key_api.one),
    path("providers/keys/<slug:key_id>/test", provider_key_api.trial),
    path("providers/changes", change_api.collection, name="changes"),
    path("providers/changes/<int:intent_id>", change_api.one, name="change"),
    path("providers/drift", drift_api.drift, name="drift"),
    path("providers/acts", act_api.collection, name="acts"),
    path("providers/acts/upload", act_api.upload, name="act-upload"),
    path("providers/acts/keys", act_api.add_keys, name="act-add-keys"),
    path("providers/acts/<int:act_id>", act_api.one, name="act"),
    path("providers/acts/<int:act_id>/confirm", act_api.confirm, name="act-confirm"),
    path("client-keys", client_key_api.collection, name="client-keys"),
    path("client-keys/<int:key_id>", client_key_api.one, name="client-key"),
    path("client-keys/<int:key_id>/rotate", client_key_api.rotate, name="client-key-rotate"),
    path("providers/oauth", account_api.collection, name="accounts"),
    path("providers/oauth/import", account_api.import_file, name="account-import"),
    path("providers/oauth/claim", account_api.claim, name="account-claim"),
    path("providers/oauth/logins", login_api.collection, name="logins"),
    path("providers/oauth/logins/<int:login_id>", login_api.one, name="login"),
    path(
        "providers/oauth/logins/<int:login_id>/callback", login_api.callback, name="login-callback"
    ),
    path("providers/oauth/reset/<path:name>", account_api.reset, name="account-reset"),
    path("providers/oauth/<path:name>", account_api.one, name="account"),
    path("custom-providers", custom_api.collection, name="custom-providers"),
    path("custom-providers/reorder", custom_api.reorder, name="custom-provider-order"),
    path("custom-providers/fetch-models", custom_api.fetch_models, name="custom-provider-models"),
    path("custom-providers/<slug:key_id>", custom_api.one, name="custom-provider"),
    path("provider-groups", custom_api.groups, name="provider-groups"),
    path("provider-groups/<int:group_id>", custom_api.group, name="provider-group"),
    path("providers/configuration", configuration_api.file, name="configuration"),
    path(
        "providers/configuration/settings",
        configuration_api.settings,
        name="configuration-settings",
    ),
    path(
        "providers/configuration/versions",
        configuration_api.versions,
        name="configuration-versions",
    ),
    path(
        "providers/configuration/versions/<int:version_id>",
        configuration_api.version,
        name="configuration-version",
    ),
    path(
        "providers/configuration/versions/<int:version_id>/roll-back",
        configuration_api.roll_back,
        name="configuration-roll-back",
    ),
]
