"""What each failure class means for an operator, and what to do: the one source of the pages, the
alerts and docs/failures.md (`make docs`)."""

from dataclasses import dataclass

from django.utils.translation import gettext, override
from django.utils.translation import gettext_noop as _

from usage.models.failures import DIVIDED, FailureClass, group_of


@dataclass(frozen=True)
class Guidance:
    """A class in words: what happened, and the step that ends it; `classes` are those that it was
    divided into."""

    failure_class: FailureClass
    happened: str
    step: str
    classes: str = ""

    @property
    def meaning(self) -> str:
        """What happened, in the active language."""
        return gettext(self.happened) % {"classes": self.classes}

    @property
    def action(self) -> str:
        """The step that ends it, in the active language."""
        return gettext(self.step)

    @property
    def name(self) -> str:
        """The class for people."""
        return str(self.failure_class.label)

    @property
    def anchor(self) -> str:
        """Its section of the runbook, the same in every language."""
        with override("en"):
            return f"{self.failure_class.value}-{self.name}".replace(" ", "-")

    @property
    def group(self) -> FailureClass:
        """The class of earlier versions that it belongs to."""
        return group_of(self.failure_class)


_GUIDANCE = (
    Guidance(
        FailureClass.COOLDOWN,
        _(
            "The credential, or every credential of the model, rests after earlier failures; no"
            " provider was called."
        ),
        _(
            "Wait for the end of the cooldown. If it returns, the failures before it are the cause:"
            " fix those, or add credentials for the model."
        ),
    ),
    Guidance(
        FailureClass.RATE_LIMITED,
        _("The provider refused a request that came too soon after others."),
        _(
            "Spread the load: more credentials, fewer parallel requests, or a limit on the client"
            " key that sends most."
        ),
    ),
    Guidance(
        FailureClass.PLAN_LIMIT,
        _("The account has used up what its plan allows until its window begins anew."),
        _("Wait for the reset that the body names, or add an account or a larger plan."),
    ),
    Guidance(
        FailureClass.NO_CREDIT,
        _("The provider's account has no money left. Waiting does not help."),
        _("Top up or fix the billing at the provider, or disable the credential until then."),
    ),
    Guidance(
        FailureClass.UNSUPPORTED_MODEL,
        _("The provider does not know the model, or does not offer it to this account."),
        _(
            "Correct the client's model name or the alias, or exclude the model from the"
            " credential."
        ),
    ),
    Guidance(
        FailureClass.CONTEXT_TOO_LONG,
        _("The request is longer than the model or the provider accepts."),
        _(
            "The client must shorten or compact its conversation, or use a model with a longer"
            " context."
        ),
    ),
    Guidance(
        FailureClass.CONTENT_POLICY,
        _("The provider refused the prompt or the output by its rules on content."),
        _(
            "Find the client by its key. Many of these can cost the account: stop the traffic if it"
            " continues."
        ),
    ),
    Guidance(
        FailureClass.INVALID_REQUEST,
        _("The provider, or the upstream before it, did not accept the form of the request."),
        _(
            "Read the body: usually a parameter that the model does not know. Correct the client,"
            " or override the parameter in the upstream's configuration."
        ),
    ),
    Guidance(
        FailureClass.EXPIRED_TOKEN,
        _("The provider no longer accepts the account's token, and it was not refreshed."),
        _("Connect the account again under Providers, Accounts."),
    ),
    Guidance(
        FailureClass.WRONG_KEY,
        _("The provider does not know the credential."),
        _(
            "Replace the provider key, or connect the account again; check that its base URL is the"
            " one that the key belongs to."
        ),
    ),
    Guidance(
        FailureClass.MISSING_SCOPE,
        _("The token is valid and may not do this: its login granted too few scopes."),
        _(
            "Connect the account again and grant all that is requested, or use another kind of"
            " credential for this model."
        ),
    ),
    Guidance(
        FailureClass.REGION,
        _("The provider does not serve the country from which the upstream calls it."),
        _("Give the credential, or the upstream as a whole, a proxy URL in a supported country."),
    ),
    Guidance(
        FailureClass.BANNED,
        _("The provider has suspended or disabled the account, or wants its owner to verify it."),
        _(
            "Disable the credential at once. The owner must sign in at the provider to verify or"
            " appeal."
        ),
    ),
    Guidance(
        FailureClass.FORBIDDEN,
        _("The provider refused the request with 403 and gave no reason that is known here."),
        _(
            "Read the body. Try the credential outside the upstream: if that works, suspect the"
            " country or the client's headers."
        ),
    ),
    Guidance(
        FailureClass.CANCELLED,
        _("The client left before the response was complete."),
        _(
            "Nothing, unless it is frequent: then the client's timeout is too short for the model's"
            " time to the first token."
        ),
    ),
    Guidance(
        FailureClass.TIMEOUT_FIRST_BYTE,
        _("The provider accepted the request and sent nothing in time."),
        _("Check the provider's status page, and the proxy URL if the credential has one."),
    ),
    Guidance(
        FailureClass.TIMEOUT_MIDWAY,
        _("The response began and stopped coming."),
        _(
            "Check the network between upstream and provider: proxies and load balancers cut"
            " streams that pause."
        ),
    ),
    Guidance(
        FailureClass.CONNECTION,
        _("The upstream could not connect to the provider, or the connection broke."),
        _("On the upstream's host, check name resolution, the network, and the proxy URL."),
    ),
    Guidance(
        FailureClass.OVERLOADED,
        _("The provider, or the model there, is at capacity."),
        _(
            "Wait, or send the traffic to another model or provider; no setting of the upstream"
            " helps."
        ),
    ),
    Guidance(
        FailureClass.PROVIDER_FAULT,
        _("The provider failed with an error of its own."),
        _(
            "Check the provider's status page. If it is one custom provider, check the server"
            " behind its base URL."
        ),
    ),
    Guidance(
        FailureClass.INVALID_RESPONSE,
        _("The provider's response ended early, was empty, or was not what its API promises."),
        _(
            "If it is one custom provider, its server breaks streams off; otherwise the network"
            " between does. Compare the credentials with and without a proxy URL."
        ),
    ),
    Guidance(
        FailureClass.UPSTREAM_FAULT,
        _("The upstream had no usable credential, or one that is configured incompletely."),
        _(
            "Open the credential under Providers: a base URL or an access token is missing, or all"
            " of the model are disabled."
        ),
    ),
    Guidance(
        FailureClass.UNCLEAR,
        _(
            "The attempt is marked as failed, without a status or body that says why. Upstreams"
            " before 7.0.0 report no more."
        ),
        _("Look at the other attempts of the request. Upgrade an upstream before 7.0.0."),
    ),
    *(
        Guidance(
            group,
            _(
                "One of %(classes)s; stored before the class was divided, or a run of the"
                " collector."
            ),
            _("Run `manage.py reclassify_failures`, which reads the stored bodies again."),
            ", ".join(finer.value for finer in DIVIDED[group]),
        )
        for group in DIVIDED
    ),
)
GUIDANCE = {guidance.failure_class: guidance for guidance in _GUIDANCE}


def guidance_of(failure_class: str) -> Guidance:
    """What a class of a failure means; raises KeyError for a success."""
    return GUIDANCE[FailureClass(failure_class)]
