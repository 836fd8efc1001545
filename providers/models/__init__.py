"""Who and what usage belongs to, and the changes of the upstream that users requested."""

from providers.models.accounts import Account, AccountLogin, AccountState
from providers.models.bulk import BulkAct, BulkItem
from providers.models.changes import DriftCheck, Intent
from providers.models.configuration import ConfigurationVersion
from providers.models.custom import Placement, ProviderGroup
from providers.models.keys import ClientKey, Credential, ProviderKey
from providers.models.withheld import WithheldKey

__all__ = [
    "Account",
    "AccountLogin",
    "AccountState",
    "BulkAct",
    "BulkItem",
    "ClientKey",
    "ConfigurationVersion",
    "Credential",
    "DriftCheck",
    "Intent",
    "Placement",
    "ProviderGroup",
    "ProviderKey",
    "WithheldKey",
]
