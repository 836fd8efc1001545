"""Filters: what a query string may say, and which events each one accepts."""

import pytest
from django.db import connection
from django.http import QueryDict

from providers.models import Credential
from tests.factories import make_event, make_upstream, make_user, store
from usage.history.dimensions import Dimension, Filters, InvalidQuery


def parsed(query: str) -> Filters:
    return Filters.from_query(QueryDict(query))


def test_repeated_parameters_are_alternatives_in_one_order():
    assert (
        parsed("model=b&model=a&key=7&other=1").query
        == parsed("key=7&model=a&model=b&model=a").query
        == [("key", "7"), ("model", "a"), ("model", "b")]
    )


def test_an_empty_parameter_is_no_filter():
    assert not parsed("model=&key=&outcome=")


@pytest.mark.parametrize(
    "query",
    [
        "key=unattributed&key=3",
        "reasoning_effort=(empty)&reasoning_effort=none",
        "outcome=failed",
        "failure_class=quota",
    ],
)
def test_a_query_survives_being_written_and_read(query):
    written = parsed(query).query
    assert parsed("&".join(f"{name}={value}" for name, value in written)) == parsed(query)


@pytest.mark.parametrize(
    ("query", "field", "expected"),
    [
        ("key=abc", "key", "whole number"),
        ("key=0", "key", "whole number"),
        ("key=99999999999999999999999", "key", "whole number"),
        ("user=-1", "user", "whole number"),
        ("credential=%D9%A3", "credential", "whole number"),
        ("outcome=maybe", "outcome", "succeeded, failed"),
        ("failure_class=bored", "failure_class", "cooldown"),
        ("model=a%00b", "model", "printable"),
        ("model=" + "x" * 201, "model", "200 characters"),
        ("&".join(f"alias={n}" for n in range(101)), "alias", "at most 100"),
    ],
)
def test_wrong_values_are_refused_by_the_name_of_their_field(query, field, expected):
    with pytest.raises(InvalidQuery) as refused:
        parsed(query + "&provider=fine")
    assert list(refused.value.fields) == [field]
    assert expected in refused.value.fields[field]


def matching(query: str) -> list[str]:
    filters = parsed(query)
    sql = (
        "SELECT e.request_id FROM usage_event AS e JOIN usage_usageseries AS s ON s.id ="
        f" e.series_id WHERE {filters.sql()} ORDER BY e.request_id"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, filters.parameters)
        return [row[0] for row in cursor.fetchall()]


@pytest.fixture
def three_events(db) -> dict[str, int]:
    """`a` by an owned key, `b` failed by a key nobody owns, `c` without key and credential."""
    upstream, owner = make_upstream(name="first"), make_user()
    store(
        upstream,
        make_event(
            request_id="a", api_key="sk-owned-key-0001", model="m1", reasoning_effort="none"
        ),
        make_event(
            request_id="b",
            api_key="sk-nobodys-key-0002",
            model="m2",
            failed=True,
            fail={"status_code": 429, "body": ""},
            service_tier="priority",
        ),
        make_event(
            request_id="c",
            api_key="",
            auth_index="",
            source="",
            model="m3",
            endpoint="POST /v1/messages",
            provider="claude",
            auth_type="unknown",
        ),
    )
    key = upstream.client_keys.get(last_four="0001")
    key.owner = owner
    key.save()
    return {"user": owner.pk, "key": key.pk, "credential": Credential.objects.get().pk}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "abc"),
        ("upstream=first", "abc"),
        ("upstream=second", ""),
        ("user={user}", "a"),
        ("user=unattributed", "bc"),
        ("user={user}&user=unattributed", "abc"),
        ("key={key}", "a"),
        ("key=unattributed", "c"),
        ("key={key}&key=unattributed", "ac"),
        ("credential={credential}", "ab"),
        ("credential=unattributed", "c"),
        ("model=m1&model=m2", "ab"),
        ("alias=gpt-5.4", "abc"),
        ("provider=claude", "c"),
        ("endpoint=POST /v1/messages", "c"),
        ("auth_type=unknown", "c"),
        ("service_tier=priority", "b"),
        ("reasoning_effort=none", "a"),
        ("reasoning_effort=(empty)", "bc"),
        ("failure_class=rate_limited", "b"),
        ("outcome=failed", "b"),
        ("outcome=succeeded", "ac"),
        ("outcome=failed&outcome=succeeded", "abc"),
        ("model=m1&outcome=failed", ""),
    ],
)
def test_each_dimension_accepts_its_events(three_events, query, expected):
    assert "".join(matching(query.format(**three_events))) == expected


def test_every_dimension_names_itself():
    assert {d.label for d in Dimension} >= {"Client key", "Service tier", "Outcome"}
