"""The auth files by which a login proves whose account it connected."""

from management_proxy.client import auth_files as auth_file_client
from management_proxy.client.http import ManagementClient
from management_proxy.client.oauth import Flow
from providers.accounts.auth_files import AuthFile, auth_file_of


def files_of(client: ManagementClient, flow: Flow) -> list[AuthFile]:
    return [
        file
        for file in map(auth_file_of, auth_file_client.list_auth_files(client))
        if file.provider == flow.provider and file.name
    ]


def modification_times(files: list[AuthFile]) -> dict[str, str]:
    return {file.name: file.modified_at for file in files}
