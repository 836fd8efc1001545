"""Recorded texts in the reader's language."""

from django import template

from monitoring.texts.recorded import in_language

register = template.Library()
register.filter("in_language", in_language)
