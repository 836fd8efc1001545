"""Tags of pages that renew themselves (monitoring/web/regions.py)."""

from datetime import datetime

from django import template
from django.template.base import FilterExpression, NodeList, Parser, Token
from django.template.context import Context
from django.utils import timezone
from django.utils.formats import time_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from monitoring.templatetags.figures import ago
from monitoring.web.parts import COLLECTED, Part

register = template.Library()


@register.tag
def part(parser: Parser, token: Token) -> "PartNode":
    """`{% part %}<div id="as-of">...</div>{% endpart %}`: one element that is renewed by its id
    when its content changed."""
    nodes = parser.parse(("endpart",))
    parser.delete_first_token()
    return PartNode(nodes)


@register.tag
def polled(parser: Parser, token: Token) -> "PolledNode":
    """`{% polled 15 %}...{% endpolled %}`: the region of a page, which is requested again every so
    many seconds; never, if the expression is false."""
    _, seconds = token.split_contents()
    nodes = parser.parse(("endpolled",))
    parser.delete_first_token()
    return PolledNode(nodes, parser.compile_filter(seconds))


@register.simple_tag
def live_ago(name: str, instant: datetime | None) -> SafeString | str:
    """How long ago something was, as a live text."""
    return _live_time(name, instant, ago(instant)) if instant else ago(instant)


@register.simple_tag
def live_clock(name: str, instant: datetime) -> SafeString:
    """The time of day of an instant, as a live text."""
    return _live_time(name, instant, time_format(timezone.localtime(instant), "H:i:s"))


def _live_time(name: str, instant: datetime, text: str) -> SafeString:
    return format_html(
        '<time data-live="{}" datetime="{}">{}</time>',
        name,
        instant.isoformat(timespec="seconds"),
        text,
    )


class PartNode(template.Node):
    """Tags the element that it encloses, and gives it to whoever collects `parts`."""

    def __init__(self, nodelist: NodeList) -> None:
        self.nodelist = nodelist

    def render(self, context: Context) -> SafeString:
        return self._collected(context, self.nodelist.render(context).strip())

    def _collected(self, context: Context, rendered: str, version: str = "") -> SafeString:
        made = Part.of(rendered, context["request"], version)
        collected: list[Part] | None = context.get(COLLECTED)
        if collected is not None:
            collected.append(made)
        return mark_safe(made.html)  # noqa: S308 (rendered by this template)


class PolledNode(PartNode):
    """The element `region` around what it encloses."""

    def __init__(self, nodelist: NodeList, seconds: FilterExpression) -> None:
        super().__init__(nodelist)
        self._seconds = seconds

    def render(self, context: Context) -> SafeString:
        seconds = self._seconds.resolve(context)
        polled = format_html(
            ' data-poll="{}" data-poll-url="{}"', seconds, context["request"].get_full_path()
        )
        rendered = (
            f'<div id="region"{polled if seconds else ""}>{self.nodelist.render(context)}</div>'
        )
        return self._collected(context, rendered, context.get("region_version") or "")
