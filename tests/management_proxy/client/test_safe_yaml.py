"""YAML of strangers: what it means, and what is refused before it can hurt."""

import time
import tracemalloc

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from management_proxy.client.safe_yaml import BadYaml, read_yaml
from management_proxy.proxy.rules.policy import BodyRule, Mask
from management_proxy.proxy.rules.request_bodies import BadBody, form_of_body
from management_proxy.proxy.rules.response_masks import Unmaskable, masked_body
from tests.bombs import BOMB, LOOP, MERGES


@pytest.mark.parametrize("text", [BOMB, MERGES, LOOP, "x: " + "[" * 100_000])
def test_what_would_expand_or_nest_is_refused_at_once(text):
    tracemalloc.start()
    began = time.thread_time()
    with pytest.raises(BadYaml):
        read_yaml(text)
    with pytest.raises(Unmaskable):
        masked_body(Mask.YAML, text.encode())
    with pytest.raises(BadBody):
        form_of_body(BodyRule.YAML, "config.yaml", text.encode())
    took, (_, peak) = time.thread_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert took < 0.1
    assert peak < 10_000_000


@pytest.mark.parametrize(
    ("text", "line"),
    [(BOMB, 5), (LOOP, 2), ("a: 1\nb: *nowhere\n", 2), ("a: 1\nb: [\n", 3), ("? [a]\n: 1\n", 1)],
)
def test_a_refusal_names_the_line(text, line):
    with pytest.raises(BadYaml, match=f"line {line}: "):
        read_yaml(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('!!python/object/apply:os.system ["id"]', ["id"]),
        ("!mine {a: 1}", {"a": 1}),
        ("!mine true", "true"),
        ("!!int soon", "soon"),
        ("!!float x", "x"),
        ("!!binary 'zz*'", "zz*"),
        ("2001-99-99", "2001-99-99"),
        ("0b", "0b"),
        ("{=: 2}", {"=": 2}),
        ("{<<: 3, a: 1}", {"a": 1}),
        ("{<<: [{a: 1, b: 2}, {a: 3, c: 4}], b: 0}", {"a": 1, "b": 0, "c": 4}),
        ("[~, yes, 0x10, 1.5, 'x']", [None, True, 16, 1.5, "x"]),
    ],
)
def test_unknown_tags_and_odd_scalars_are_read_as_written(text, value):
    assert read_yaml(f"x: {text}") == {"x": value}


def test_few_aliases_are_expanded():
    assert read_yaml("a: &a {k: 1}\nb: [*a, *a]\n") == {"a": {"k": 1}, "b": [{"k": 1}] * 2}


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(PLAIN)
def test_plain_data_is_read_as_a_safe_loader_reads_it(data):
    assert read_yaml(yaml.safe_dump(data)) == data
