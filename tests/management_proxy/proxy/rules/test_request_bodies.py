"""Bodies as the upstream reads them: names in any case and fold, the last of several."""

import pytest

from management_proxy.proxy.rules.policy import BodyRule, Form
from management_proxy.proxy.rules.request_bodies import BadBody, form_of_body


@pytest.mark.parametrize(
    ("path", "body", "form"),
    [
        ("api-keys", '{"item\u017f":[""]}', Form.EMPTY),
        ("api-keys", '{"items":["sk-a"],"ITEMS":[" "]}', Form.EMPTY),
        ("api-keys", '{"items":[]}', Form.PLAIN),
        ("api-keys", "[null]", Form.EMPTY),
        ("api-keys", '{"items":["sk-a"]}', Form.PLAIN),
        ("claude-api-key", '[{"api-\u212aey":"sk-a"}]', Form.PLAIN),
        ("codex-api-key", '[{"api-key":"sk-a","BASE-URL":"https://x"}]', Form.PLAIN),
        ("codex-api-key", '[{"api-key":"sk-a","base-url":" "}]', Form.EMPTY),
    ],
)
def test_list_that_ends_up_empty_is_known(path, body, form):
    assert form_of_body(BodyRule.KEY_LIST, path, body.encode()) is form


@pytest.mark.parametrize(
    "body",
    [
        '{"index":0,"value":{"api-key":"","base-url":"https://x"}}',
        '{"index":0,"value":{"priority":1}}',
        '{"value":null}',
        "[]",
        "5",
    ],
)
def test_patch_that_leaves_the_entry_passes(body):
    assert form_of_body(BodyRule.KEY_PATCH, "claude-api-key", body.encode()) is Form.PLAIN


def test_patch_with_two_spellings_is_judged_by_the_worse():
    with pytest.raises(BadBody):
        form_of_body(BodyRule.KEY_PATCH, "api-keys", b'{"index":0,"value":"sk-a","Value":""}')
