"""The grammar of single words, against the standard library where it knows better."""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from npol.story import addresses, field_validators
from npol.story.field_validators import NotValid

CHECKS = [
    field_validators.namespace,
    field_validators.object_name,
    field_validators.peer_name,
    field_validators.label_key,
    field_validators.label_value,
    field_validators.host,
    addresses.address,
    addresses.cidr,
    field_validators.image,
    field_validators.tag,
    field_validators.workload,
    field_validators.kind_and_name,
]
METACHARACTERS = set("$`;&|<>(){}*?~#!\\'\" \t\n\r")


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)
@given(text=st.text(max_size=30) | st.from_regex(r"[-a-z0-9./:;$(){}%\[\] ]{1,20}", fullmatch=True))
def test_no_word_can_be_read_as_an_option_or_by_a_shell(check, text):
    with suppress(NotValid):
        word = check(text)
        assert word.isascii()
        assert not METACHARACTERS & set(word)
        assert not word.startswith("-")


@given(st.text(max_size=40))
def test_paths_of_requests_hold_no_blanks_or_controls(text):
    with suppress(NotValid):
        assert re.fullmatch(r"/[!-~]*", field_validators.http_path(text))


@given(st.ip_addresses())
def test_addresses_come_out_in_canonical_form(ip):
    mapped = ip.version == 6 and (ip.ipv4_mapped or ip.scope_id)
    if mapped:
        with pytest.raises(NotValid):
            addresses.address(str(ip))
    else:
        assert addresses.address(ip.exploded) == str(ip)
        assert addresses.address(f"[{ip}]") == str(ip)


@example(ipaddress.ip_address("::ffff:0:0"), 129)
@given(st.ip_addresses(), st.integers(0, 140))
def test_networks_are_right_or_come_with_the_right_one(ip, length):
    text = f"{ip}/{length}"
    try:
        ipaddress.ip_network(text)
        fine = not (ip.version == 6 and ip.ipv4_mapped and length >= 96)
    except ValueError:
        fine = False
    if fine:
        assert addresses.cidr(text) == text
        return
    with pytest.raises(NotValid) as caught:
        addresses.cidr(text)
    meant = re.fullmatch(r"did you mean '(.*)'\?", caught.value.hint)
    if meant:
        assert addresses.cidr(meant[1]) == meant[1]
    else:
        assert length > ip.max_prefixlen


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("2s", 2.0), ("1.5s", 1.5), ("1m", 60.0), ("60m", 3600.0), ("1h", 3600.0)],
)
def test_durations_are_seconds(text, seconds):
    assert field_validators.duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "0s", "s", "1", "1 s", "-1s", "1e3s", "1s2", "61m", "inf", "9" * 99]
)
def test_other_durations_are_refused(text):
    with pytest.raises(NotValid):
        field_validators.duration(text)


@pytest.mark.parametrize(
    "image",
    [
        "netshoot",
        "nicolaka/netshoot:v0.15",
        "docker.io/nicolaka/netshoot",
        "registry.example.test:5000/a/b_c-d:1.0",
        f"a/b@sha256:{'0' * 64}",
    ],
)
def test_image_references_are_read(image):
    assert field_validators.image(image) == image


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("servic", ["service", "host"], "did you mean 'service'?"),
        ("Service", ["service"], "did you mean 'service'?"),
        ("deploymnt", ["Deployment"], "did you mean 'Deployment'?"),
        ("zzz", ["service"], ""),
        (7, ["service"], ""),
        ("x" * 100_000, ["service"], ""),
    ],
)
def test_the_nearest_word_is_named(word, known, hint):
    assert field_validators.did_you_mean(word, known) == hint


def test_values_are_shown_short_and_harmless():
    assert field_validators.shown("a\x1b[31m\u202e") == r"'a\x1b[31m\u202e'"
    assert field_validators.shown(True) == "true"
    assert len(field_validators.shown("x" * 1000)) == 64
