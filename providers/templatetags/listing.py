"""The head of a column by which a list is sorted."""

from typing import Any

from django import template
from django.template.context import Context

register = template.Library()


@register.inclusion_tag("providers/sort_head.html", takes_context=True)
def sort_head(context: Context, column: str, label: str, *, number: bool = False) -> dict[str, Any]:
    """`{% sort_head "priority" _("Priority") number=True %}`: a second click turns the order
    around; the greatest numbers come first."""
    query = context["request"].GET.copy()
    query.pop("page", None)
    order = context["order"]
    is_sorted = order.column == column
    descends_next = not order.is_descending if is_sorted else number
    query["sort"] = f"{'-' if descends_next else ''}{column}"
    return {
        "query": query.urlencode(),
        "label": label,
        "number": number,
        "is_sorted": is_sorted,
        "is_descending": order.is_descending,
    }
