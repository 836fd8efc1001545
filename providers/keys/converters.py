"""The part of an address that names a family of provider keys, `<family:…>`; registered once, when
this is imported."""

from django.urls import register_converter

from providers.keys.families import FAMILIES, Family


class FamilyConverter:
    """A family by its name."""

    regex = "|".join(FAMILIES)

    def to_python(self, value: str) -> Family:
        return FAMILIES[value]

    def to_url(self, value: Family) -> str:
        return value.name


register_converter(FamilyConverter, "family")
