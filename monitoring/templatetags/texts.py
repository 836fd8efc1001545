"""Recorded texts in the reader's language."""

from django import template

from monitoring.texts.messages import message_in_language
from monitoring.texts.recorded import in_language

register = template.Library()
register.filter("in_language", in_language)
register.filter("message_in_language", message_in_language)
