"""Secrets are masked where messages are observed: declared, by name, by shape, by known value."""

from __future__ import annotations

import base64
import dataclasses
import urllib.parse
from typing import Annotated, Any

import msgspec
import pydantic
import pytest
from tinyflow_runtime.redaction import MASK, Redactor, Secret


@dataclasses.dataclass
class Login:
    user: str
    phrase: Secret
    more: list[Secret] = dataclasses.field(default_factory=list)
    inner: Login | None = None


class Card(pydantic.BaseModel):
    owner: str
    number: Annotated[str, pydantic.Field(json_schema_extra={"format": "password"})]


def observed(payload, **options):
    return msgspec.msgpack.decode(Redactor().payload(payload, **options))


@pytest.mark.parametrize(
    ("payload", "declared", "shown"),
    [
        ("open sesame", Secret, MASK),
        (
            Login("ana", "open sesame", ["one two"], Login("bo", "say friend")),
            Login,
            {
                "user": "ana",
                "phrase": MASK,
                "more": [MASK],
                "inner": {"user": "bo", "phrase": MASK, "more": [], "inner": None},
            },
        ),
        ({"a": ["open sesame"]}, dict[str, list[Secret]], {"a": [MASK]}),
        (Card(owner="ana", number="4111"), Card, {"owner": "ana", "number": MASK}),
        (None, Secret | None, None),
        ("", Secret, ""),
    ],
)
def test_what_a_type_declares_secret_is_masked(payload, declared, shown):
    assert observed(payload, type=declared) == shown


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "db_password",
        "token",
        "accessToken",
        "API_KEY",
        "apiKey",
        "x-api-key",
        "Authorization",
        "secret",
        "client_secret",
        "private_key",
        "cookie",
    ],
)
def test_a_field_that_is_called_like_a_secret_is_masked(name):
    shown = observed({name: "open sesame", "beside": {name: ["deep"]}})

    assert shown == {name: MASK, "beside": {name: [MASK]}}


@pytest.mark.parametrize("name", ["tokenizer", "passenger", "keyboard", "monkey", "secretary", "author"])
def test_a_field_that_only_sounds_like_it_is_shown(name):
    assert observed({name: "plain"}) == {name: "plain"}


def test_a_count_is_no_secret():
    assert observed({"tokens": 153, "password": None, "token": ""}) == {"tokens": 153, "password": None, "token": ""}


def test_a_port_that_is_called_like_a_secret_is_masked():
    assert observed("open sesame", name="token") == MASK


SHAPED = [
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_" + "a" * 36,
    "github_pat_" + "a1" * 20,
    "glpat-" + "x" * 20,
    "xoxb-1234567890-abc",
    "sk-" + "a" * 32,
    "sk_live_" + "a" * 20,
    "hf_" + "a" * 34,
    "AIza" + "b" * 35,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
]


@pytest.mark.parametrize("secret", SHAPED)
def test_what_looks_like_a_secret_is_masked_wherever_it_stands(secret):
    shown = observed({"text": f"before {secret} after", secret: [secret.encode()]})

    assert shown == {"text": f"before {MASK} after", MASK: [MASK.encode()]}


def test_who_and_password_of_an_address_are_masked():
    assert observed("postgres://ana:open@db.example.org/x") == f"postgres://{MASK}@db.example.org/x"
    assert observed("Authorization: Bearer abc.def-ghi") == f"Authorization: Bearer {MASK}"


FORMS = {
    "as it is": lambda value: value,
    "within a text": lambda value: f"tried {value}!",
    "in base64": lambda value: base64.b64encode(value.encode()).decode(),
    "in base64 after something": lambda value: base64.b64encode(b"ana:" + value.encode()).decode(),
    "in base64 after more": lambda value: base64.b64encode(b"anna:" + value.encode() + b"!").decode(),
    "in base64 for addresses": lambda value: base64.urlsafe_b64encode(value.encode()).decode(),
    "quoted for an address": lambda value: urllib.parse.quote(value, safe=""),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", ["open sesame/ñ?>~", "hunter22"])
def test_a_known_secret_is_masked_wherever_it_turns_up(form, secret):
    redactor = Redactor()

    redactor.learn(Login("ana", secret), type=Login)
    shown = msgspec.msgpack.decode(redactor.payload({"note": FORMS[form](secret)}))
    line = redactor.text(FORMS[form](secret))

    assert secret not in str(shown)
    assert MASK in shown["note"]
    assert MASK in line


def test_secrets_of_the_environment_are_known():
    redactor = Redactor({"DB_PASSWORD": "open sesame", "HOME": "/home/ana"})

    assert redactor.text("open sesame in /home/ana") == f"{MASK} in /home/ana"


def test_short_values_are_not_looked_for_elsewhere():
    redactor = Redactor()

    redactor.learn({"password": "abc"}, type=Any)

    assert redactor.text("abcdef") == "abcdef"


def test_a_flow_that_makes_new_secrets_all_day_forgets_the_oldest():
    redactor = Redactor()

    for number in range(5_000):
        redactor.learn({"token": f"secret number {number}"}, type=Any)

    assert len(redactor._known) <= 500
    assert redactor.text("secret number 4999") == MASK


def test_other_payloads_are_what_they_were():
    payload = {"a": [1, 2.5, None, True, b"\x00\xff"], "b": {"c": "text"}, 3: "three"}

    assert msgspec.msgpack.decode(Redactor().payload(payload)) == payload


def test_a_known_secret_is_masked_in_a_text_that_is_no_longer_than_it():
    redactor = Redactor({"TOKEN": "s3cret", "PASSWORD": "a longer one"})

    assert [redactor.text(text) for text in ("s3cret", "s3cre", "a longer one", "a longer on")] == [
        MASK,
        "s3cre",
        MASK,
        "a longer on",
    ]
