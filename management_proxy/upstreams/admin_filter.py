"""The admin's filter by upstream, which offers removed ones too: their history stays."""

from typing import Any

from django.contrib.admin import RelatedFieldListFilter
from django.http import HttpRequest

from management_proxy.models import Upstream


class UpstreamFilter(RelatedFieldListFilter):
    """Django would use the default manager, which leaves removed upstreams out."""

    def field_choices(
        self, field: Any, request: HttpRequest, model_admin: Any
    ) -> list[tuple[str, Any]]:
        return [
            (str(pk), name)
            for pk, name in Upstream.with_removed.order_by("name").values_list("pk", "name")
        ]
