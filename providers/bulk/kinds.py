"""Which kinds of things acts change, by the name that an act has for each."""

from typing import Any

from providers.bulk.accounts import Accounts
from providers.bulk.client_keys import ClientKeys
from providers.bulk.provider_keys import ProviderKeys
from providers.bulk.subjects import Subject
from providers.models import BulkAct

SUBJECTS: dict[str, Subject[Any]] = {
    BulkAct.Subject.ACCOUNT: Accounts(),
    BulkAct.Subject.CLIENT_KEY: ClientKeys(),
    BulkAct.Subject.PROVIDER_KEY: ProviderKeys(),
}
