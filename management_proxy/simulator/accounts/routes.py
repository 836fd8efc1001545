"""Listing, download, upload and removal of auth files (contract 5.1 to 5.5)."""

from typing import Any

from management_proxy.simulator import catalog
from management_proxy.simulator.accounts.files import AuthDirectory, InvalidAuthFile
from management_proxy.simulator.http.multipart import BadForm, read_files
from management_proxy.simulator.http.routing import Refusal, Routes
from management_proxy.simulator.http.wire import (
    BadBody,
    Request,
    Response,
    error,
    member,
    ok,
    read_json,
    respond,
)


class AuthFileRoutes:
    """The auth directory over HTTP."""

    def __init__(self, directory: AuthDirectory) -> None:
        self.directory = directory

    def routes(self) -> Routes:
        return {
            ("GET", "auth-files"): self.listing,
            ("GET", "auth-files/models"): self.models,
            ("GET", "auth-files/download"): self.download,
            ("POST", "auth-files"): self.upload,
            ("DELETE", "auth-files"): self.delete,
        }

    def listing(self, request: Request) -> Response:
        entries = [self.directory.shown(file) for file in self.directory.all()]
        for name, key in (("name", "name"), ("auth_index", "auth_index")):
            wanted = request.first(name)
            entries = [entry for entry in entries if not wanted or entry[key] == wanted]
        return respond({"files": entries})

    def models(self, request: Request) -> Response:
        name = request.first("name").strip()
        if not name:
            return error(400, "name is required")
        file = self.directory.find(name)
        shown = catalog.account_models(file.provider) if file and not file.is_disabled else []
        return respond({"models": shown})

    def download(self, request: Request) -> Response:
        name = request.first("name")
        if not name or "/" in name or "\\" in name:
            return error(400, "invalid name")
        if not name.lower().endswith(".json"):
            return error(400, "name must end with .json")
        file = self.directory.find(name)
        if file is None:
            return error(404, "file not found")
        disposition = ("Content-Disposition", f'attachment; filename="{name}"')
        return Response(200, file.raw, [disposition, ("Content-Type", "application/json")])

    def upload(self, request: Request) -> Response:
        content_type = request.headers.get("content-type", "")
        if content_type.lower().startswith("multipart/form-data"):
            return self._upload_form(content_type, request.body)
        name = request.first("name")
        if not name or "/" in name or "\\" in name:
            return error(400, "invalid name")
        if not name.lower().endswith(".json"):
            return error(400, "name must end with .json")
        problem = self._save(name, request.body)
        return error(500, problem) if problem else ok()

    def _save(self, name: str, raw: bytes) -> str:
        if not name.lower().endswith(".json"):
            return "file must be .json"
        try:
            self.directory.save(name, raw)
        except InvalidAuthFile as problem:
            return f"invalid auth file: {problem}"
        return ""

    def _upload_form(self, content_type: str, body: bytes) -> Response:
        try:
            files = read_files(content_type, body)
        except BadForm as broken:
            return error(400, f"invalid multipart form: {broken}")
        if not files:
            return error(400, "no files uploaded")
        outcomes = [(name, self._save(name, raw)) for name, raw in files]
        if len(outcomes) == 1:
            problem = outcomes[0][1]
            return (
                error(400 if problem == "file must be .json" else 500, problem) if problem else ok()
            )
        return _several("uploaded", outcomes)

    def delete(self, request: Request) -> Response:
        # `all` wins over any names, so a stray `all=1` erases everything; that is what the real
        # server does.
        if request.first("all") in ("true", "1", "*"):
            return respond({"deleted": self.directory.clear(), "status": "ok"})
        names = _names(request)
        if not names:
            return error(400, "invalid name")
        outcomes = [(name, self._remove(name)) for name in names]
        if len(outcomes) > 1:
            return _several("deleted", outcomes)
        problem = outcomes[0][1]
        return error(400 if problem == "invalid name" else 404, problem) if problem else ok()

    def _remove(self, name: str) -> str:
        if "/" in name or "\\" in name:
            return "invalid name"
        return "" if self.directory.remove(name) else "auth file not found"


def _names(request: Request) -> list[str]:
    names: list[Any] = request.query.get("name", [])
    if not any(names) and request.body.strip():
        names = _names_of_body(request.body)
    if not all(isinstance(name, str) for name in names):
        raise Refusal(error(400, "invalid request body"))
    return list(dict.fromkeys(name.strip() for name in names if name.strip()))


def _names_of_body(body: bytes) -> list[Any]:
    try:
        value = read_json(body)
    except BadBody as problem:
        raise Refusal(error(400, "invalid request body")) from problem
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        raise Refusal(error(400, "invalid request body"))
    several = member(value, "names")
    return several if isinstance(several, list) else [member(value, "name", "")]


def _several(verb: str, outcomes: list[tuple[str, str]]) -> Response:
    """Respond for many files: 200 when all went well, else 207 that names both kinds."""
    done = [name for name, problem in outcomes if not problem]
    failed = [{"error": problem, "name": name} for name, problem in outcomes if problem]
    body: dict[str, Any] = {"files": done, "status": "partial" if failed else "ok", verb: len(done)}
    if failed:
        body["failed"] = failed
    return respond(dict(sorted(body.items())), 207 if failed else 200)
