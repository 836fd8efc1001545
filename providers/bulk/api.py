"""`/api/providers/acts`: many accounts or keys in one act; the JSON twin of the pages.

An act is planned by one request and carried out by a second, so that a caller sees first what it
will do.
"""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict

from providers.bulk import carrying_out
from providers.bulk.archives import MOST_FILES, Candidate
from providers.bulk.key_plans import plan_keys
from providers.bulk.kinds import SUBJECTS
from providers.bulk.plans import plan_change, plan_upload
from providers.bulk.queries import counts_of, is_over, items_of, outcome_of, own_acts
from providers.errors import ChangeRefused
from providers.keys.actions import family_of
from providers.models import BulkAct, BulkItem
from providers.web.api import body_of, caller, json_api, text_of, upstream_of
from providers.web.api_pages import page_of
from providers.web.forms import LONGEST_NOTE
from providers.web.listing import Columns

COLUMNS: Columns[BulkItem] = {}
# The most that a request may hold; the pages take more, as files.
LARGEST_UPLOAD_BODY = 2 * 1024 * 1024


@json_api("POST")
def collection(request: HttpRequest) -> HttpResponse:
    """POST `{subject, verb, value?, names: [...]}`, or `{…, filters: {...}}` for all that match:
    the plan; nothing is done yet."""
    upstream, user = upstream_of(request), caller(request)
    body = body_of(request, ("subject", "verb", "value", "names", "filters"))
    subject = text_of(body, "subject", required=True)
    if subject not in SUBJECTS:
        raise ChangeRefused(f"expected one of {', '.join(SUBJECTS)}", "subject")
    names, filters = _chosen(body)
    things = SUBJECTS[subject].chosen(upstream, user, names, filters)
    value = text_of(body, "value", longest=LONGEST_NOTE)
    act = plan_change(upstream, user, subject, things, text_of(body, "verb"), value)
    return JsonResponse({"data": _summary(request, act)}, status=201)


def _chosen(body: dict[str, Any]) -> tuple[list[str], QueryDict | None]:
    names, filters = body.get("names"), body.get("filters")
    if (names is None) == (filters is None):
        raise ChangeRefused("expected either names or filters", "names")
    if filters is not None:
        if not isinstance(filters, dict) or not all(isinstance(v, str) for v in filters.values()):
            raise ChangeRefused("expected an object of texts", "filters")
        return [], QueryDict(urlencode(filters))
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ChangeRefused("expected a list of texts", "names")
    return names, None


@json_api("POST")
def upload(request: HttpRequest) -> HttpResponse:
    """POST `{files: [{fileName, fileContent}], replaces?, acceptDuplicates?}`: the plan; nothing is
    uploaded yet."""
    known = ("files", "replaces", "acceptDuplicates")
    body = body_of(request, known, largest=LARGEST_UPLOAD_BODY)
    act = plan_upload(
        upstream_of(request),
        caller(request),
        _files(body.get("files")),
        replaces=body.get("replaces") is True,
        twins_accepted=body.get("acceptDuplicates") is True,
    )
    return JsonResponse({"data": _summary(request, act)}, status=201)


def _files(files: Any) -> list[Candidate]:
    if not isinstance(files, list) or not 0 < len(files) <= MOST_FILES:
        raise ChangeRefused(f"expected a list of 1 to {MOST_FILES} files", "files")
    return [_file(file) for file in files]


def _file(file: Any) -> Candidate:
    name, content = (
        (file.get("fileName"), file.get("fileContent")) if isinstance(file, dict) else (None, None)
    )
    if not isinstance(name, str) or not isinstance(content, str):
        raise ChangeRefused("expected fileName and fileContent as texts", "files")
    return Candidate(name, content.encode(errors="surrogatepass"))


@json_api("POST")
def add_keys(request: HttpRequest) -> HttpResponse:
    """POST `{provider, keys: [...], baseUrl?}`: the plan; nothing is added yet."""
    known = ("provider", "keys", "baseUrl")
    body = body_of(request, known, largest=LARGEST_UPLOAD_BODY)
    family = family_of(text_of(body, "provider", required=True))
    if family.is_named:
        raise ChangeRefused("custom providers are added one by one", "provider")
    keys = body.get("keys")
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise ChangeRefused("expected a list of texts", "keys")
    base_url = text_of(body, "baseUrl", longest=2000)
    act = plan_keys(upstream_of(request), caller(request), family, keys, base_url)
    return JsonResponse({"data": _summary(request, act)}, status=201)


@json_api("GET", "DELETE")
def one(request: HttpRequest, act_id: int) -> HttpResponse:
    """GET `?page=&pageSize=`: the plan, or what became of it; DELETE forgets a plan that was not
    confirmed."""
    act = _act(request, act_id)
    if request.method == "GET":
        return JsonResponse({"data": _summary(request, act)})
    deleted, _ = BulkAct.objects.filter(pk=act.pk, confirmed_at=None).delete()
    if not deleted:
        raise ChangeRefused("it was confirmed, and is carried out", "", "CONFLICT")
    return JsonResponse({"success": True, "data": {}})


@json_api("POST")
def confirm(request: HttpRequest, act_id: int) -> HttpResponse:
    """POST: have it carried out; 202. A second time changes nothing."""
    act = _act(request, act_id)
    if carrying_out.confirm(act):
        carrying_out.start(act)
    act.refresh_from_db()
    return JsonResponse({"success": True, "data": _summary(request, act)}, status=202)


def _act(request: HttpRequest, act_id: int) -> BulkAct:
    act = own_acts(caller(request)).filter(pk=act_id, upstream=upstream_of(request)).first()
    if act is None:
        raise ChangeRefused("there is no such act, or it is not yours", "", "RESOURCE_NOT_FOUND")
    return act


def _summary(request: HttpRequest, act: BulkAct) -> dict[str, Any]:
    counts = counts_of(act)
    items, total = page_of(request, items_of(act), COLUMNS)
    return {
        "id": act.pk,
        "subject": act.subject,
        "verb": act.verb,
        "value": act.value or None,
        "madeAt": act.made_at,
        "confirmedAt": act.confirmed_at,
        "isOver": is_over(act, counts),
        "verdicts": counts.verdicts,
        "toDo": counts.to_do,
        "done": counts.done,
        "failed": counts.failed,
        "open": counts.open,
        "items": [_item(item) for item in items],
        "total": total,
    }


def _item(item: BulkItem) -> dict[str, Any]:
    state = item.intent.state if item.intent else None
    return {
        "name": item.name,
        "label": item.title,
        "verdict": item.verdict,
        "reason": item.reason or None,
        "outcome": outcome_of(item.outcome, state) if item.is_to_do else None,
        "change": item.intent_id,
        "error": (item.intent.error or None) if item.intent else None,
    }
