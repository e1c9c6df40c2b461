"""Secrets in what a server or an HTTP library sends, however they are escaped there."""

import base64
import html
import json
import re
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_milvus.client.redaction import Redactor, parts_of_token, secrets_of_url

SECRETS = [
    "root:Milvus",
    "s3cr&t/k\"y\\'s <1>",
    "pässwörd€😀",
    "a b+c%d",
    "AKIA" + "x/+=" * 9,
    "line\nbreak\t",
    "db-0123abc.token_~",
]


def go_json(text):
    """As Go's encoder writes a text, which Milvus's server uses."""
    return json.dumps(text).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


ESCAPES = [
    str,
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    lambda text: go_json(text)[1:-1],
    lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
    lambda text: json.dumps(text).replace("/", "\\/")[1:-1],
    quote,
    lambda text: quote(text, safe=""),
    lambda text: re.sub("%..", lambda found: found[0].lower(), quote(text, safe="")),
    quote_plus,
    html.escape,
    lambda text: "".join(f"&#{ord(c)};" if not c.isalnum() else c for c in text),
    lambda text: repr(text.encode())[2:-1],
    lambda text: repr(text)[1:-1],
    lambda text: text.encode().decode("latin-1"),
]


@pytest.mark.parametrize("escape", ESCAPES)
@pytest.mark.parametrize("secret", SECRETS)
def test_secret_is_replaced_in_every_escape(secret, escape):
    text = f"you sent '{escape(secret)}' to us"
    assert Redactor([secret]).text(text) == "you sent '***' to us"


def each(form):
    return lambda text: "".join(form.format(ord(character)) for character in text)


ESCAPES_OF_ALL = [
    each("\\u{:04x}"),
    each("\\u{:04X}"),
    each("\\\\\\u{:04x}"),
    each("\\x{:02x}"),
    each("%{:02X}"),
    each("&#x{:x};"),
    each("&#{};"),
    each("&#0{};"),
    lambda text: text[:4] + each("\\u{:04x}")(text[4:]),
]


@pytest.mark.parametrize("escape", ESCAPES_OF_ALL)
@pytest.mark.parametrize("secret", ["root:Milvus", 's3cr&t/k"y', "0123abcdXYZ.token_~"])
def test_secret_is_replaced_where_letters_and_digits_are_escaped(secret, escape):
    redactor = Redactor([secret])
    text = f"you sent {escape(secret)} to us"
    assert [secret[-4:] in redactor.text(text), "***" in redactor.text(text)] == [False, True]
    assert escape(secret)[-6:] not in redactor.text(text)
    assert redactor.may_occur(json.dumps(text))


@pytest.mark.parametrize("text", ["a\\u0062c.parquet", "50%61", "&#97;", "C:\\x61"])
def test_escapes_stay_where_there_is_no_secret(text):
    redactor = Redactor(["s3cr&t"])
    assert (redactor.text(text), redactor.name(text)) == (text, text)


@pytest.mark.parametrize("secret", ['"s3cret"', "\\s3cret", "s3cret\\"])
def test_long_run_of_backslashes_is_searched_once(secret):
    text = "s3cret " + "\\" * 200_000 + "u"
    assert Redactor([secret]).text(f"{text} {secret}").endswith("***")


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=8).filter(lambda secret: not secret.isdigit()))
def test_any_long_secret_is_replaced(secret):
    for form in (secret, quote(secret), json.dumps(secret)[1:-1]):
        assert Redactor([secret]).text(f"got {form} here") == "got *** here"


@pytest.mark.parametrize("quoted", ["pw1", "'pw1'", "root:pw1", "%22pw1%22", '\\"pw1\\"', "\\u0022pw1\\u0022", "(pw1)"])
def test_short_password_is_replaced_where_it_stands_alone(quoted):
    assert "pw1" not in Redactor(parts_of_token("root:pw1")).text(f"refused {quoted}")


def test_short_password_stays_within_words():
    assert Redactor(parts_of_token("root:in")).text("importing data into books in a minute") == (
        "importing data into books *** a minute"
    )


def test_password_of_four_characters_is_replaced_anywhere():
    assert Redactor(parts_of_token("root:pa55")).text("xpa55x") == "x***x"


def test_numeric_password_stays_within_ids_of_jobs():
    redactor = Redactor(parts_of_token("root:1234"))
    assert redactor.text("job 453212340839750922 of 1234") == "job 453212340839750922 of ***"


@pytest.mark.parametrize("user", ["root", "user1"])
def test_user_name_is_no_secret(user):
    redactor = Redactor(parts_of_token(f"{user}:s3cret/s4cret"))
    assert redactor.text(f"user {user} is not allowed") == f"user {user} is not allowed"


@pytest.mark.parametrize("between", [*"/?#@:[]", "/:", ":/"])
def test_part_of_a_password_that_a_url_is_split_at_is_replaced(between):
    # What httpx reports of a redirect to "http://user:<password>/", whose port it cannot read.
    redactor = Redactor(parts_of_token(f"user:f00f00{between}b4rb4r"))
    assert redactor.text("invalid literal for int() with base 10: 'b4rb4r'") == (
        "invalid literal for int() with base 10: '***'"
    )


def test_word_as_password_stays_in_names():
    redactor = Redactor(parts_of_token("root:books"))
    assert (redactor.name("books/a.parquet"), redactor.text("books")) == ("books/a.parquet", "***")


@pytest.mark.parametrize("secret", ["s3cret", "root:Milvus", "supersecretpassword"])
def test_secret_that_is_no_word_is_replaced_in_names(secret):
    assert Redactor([secret]).name(f"a/{secret}") == "a/***"


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_basic_authorization_is_replaced(encode):
    token = "root:s3cret>>>???"
    header = encode(token.encode()).decode()
    assert header.rstrip("=") not in Redactor(parts_of_token(token)).text(f"Basic {header}")


@pytest.mark.parametrize(
    "url", ["http://u:pa%2Fss1@proxy:3128", "http://u:pa/ss1@proxy", "https://u:pa%2fss1@[::1]:3128/"]
)
def test_credentials_of_a_proxy_are_replaced(url):
    redactor = Redactor(secrets_of_url("http://u:pa%2Fss1@proxy:3128"))
    assert "ss1" not in redactor.text(f"cannot connect to {url}: pa/ss1")


@pytest.mark.parametrize("url", ["http://proxy:3128", "http://[::1", "", "proxy"])
def test_url_without_credentials_has_no_secrets(url):
    assert secrets_of_url(url) == set()


def test_secrets_can_be_added_later_and_stay():
    redactor = Redactor(["first-secret"])
    redactor.add(["second-secret"])
    redactor.add([""])
    assert redactor.text("first-secret second-secret") == "*** ***"


def test_nothing_is_replaced_without_secrets():
    redactor = Redactor()
    assert (redactor.text("a text"), redactor.may_occur('"\\u0041"')) == ("a text", False)


def test_escaped_text_may_hold_a_secret():
    assert Redactor(["s3cret"]).may_occur('{"reason":"\\u0073\\u0033cret"}')


@pytest.mark.parametrize("between", [" ", "\t", "ü", "€", "\x00", "\u2028"])
@pytest.mark.parametrize(
    "quote_half",
    [
        # http.client splits a status line at white space, httpx drops from a reason phrase what is not ASCII.
        lambda secret: f"invalid literal for int() with base 10: {secret.split()[0]!r}",
        lambda secret: f'"HTTP/1.1 403 {secret.encode().decode("ascii", "ignore")}"',
        lambda secret: f"unparsed data: {secret.encode().decode('latin-1')!r}",
    ],
)
def test_halves_that_an_http_library_quotes_are_replaced(between, quote_half):
    halves = "109b9d83b3", "a42b18f071"
    text = Redactor([between.join(halves)]).text(quote_half(between.join(halves)))
    assert not [half for half in halves if half in text]


def test_words_of_a_passphrase_stay_in_texts():
    assert Redactor(["wrong horse battery"]).text("wrong password") == "wrong password"
