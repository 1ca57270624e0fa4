"""A module's text that holds what looks like a secret is refused, whatever the secret is called."""

from __future__ import annotations

import pytest
from tinyflow_runtime.errors import SourceError

from tinyflow_jupyter._capture.keys import refuse_secrets

SECRETS = {
    "ASIAIOSFODNN7EXAMPLE": "an AWS access key",
    "gho_" + "a" * 36: "a GitHub token",
    "github_pat_" + "a1" * 20: "a GitHub token",
    "glpat-" + "x" * 20: "a GitLab token",
    "xoxb-1234567890-abc": "a Slack token",
    "AIza" + "b" * 35: "a Google API key",
    "sk-" + "a" * 32: "an API key",
    "rk_live_" + "a" * 20: "an API key",
    "hf_" + "a" * 34: "a Hugging Face token",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl": "a JSON web token",
    "-----BEGIN RSA PRIVATE KEY-----": "a private key",
    "Bearer abcdefghij0123456789": "a bearer token",
    "postgres://ana:open@db.example.org/x": "a password in an address",
}


@pytest.mark.parametrize(("secret", "name"), SECRETS.items(), ids=range(len(SECRETS)))
def test_a_text_with_what_looks_like_a_secret_is_refused_and_does_not_tell_it(secret, name):
    with pytest.raises(SourceError, match="TF-180") as refused:
        refuse_secrets([("x = 1", "cell 1, line 1"), (f"value = {secret!r}", "cell 1, line 2")])

    assert f"Cell 1, line 2 looks like {name}" in str(refused.value)
    assert secret not in str(refused.value)


def test_what_is_marked_as_none_is_taken():
    refuse_secrets([("key = 'AKIAIOSFODNN7EXAMPLE'  # not a secret", "cell 1, line 1")])
