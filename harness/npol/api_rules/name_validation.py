"""
Names, labels, ports and selectors: what may be written, and the server's words when not.

Each function gives the messages for one value, an empty list when it is fine.
Source: apimachinery `pkg/util/validation/validation.go` and
`pkg/apis/meta/v1/validation/validation.go`, 1.33.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from npol.api_rules import addresses
from npol.api_rules.field_errors import FieldError, field_forbidden, invalid_value, required

IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_DNS1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_KEY = "[-._a-zA-Z0-9]+"
_QUALIFIED_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character"
)
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character"
)
_LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    "and must start and end with an alphanumeric character"
)
_DNS1035_RULE = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
    "start with an alphabetic character, and end with an alphanumeric character"
)
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
    "'.', and must start and end with an alphanumeric character"
)
_WILDCARD_RULE = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which "
    "must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric "
    "character"
)


def _rule(message: str, pattern: str, *examples: str) -> str:
    shown = " or ".join(f"'{e}', " for e in examples)
    return f"{message} (e.g. {shown}regex used for validation is '{pattern}')"


def _fits(pattern: str, value: str) -> bool:
    return re.fullmatch(pattern, value) is not None


def _longer(value: str, limit: int) -> list[str]:
    return [f"must be no more than {limit} characters"] if len(value) > limit else []


def dns_subdomain(value: str) -> list[str]:
    wrong = _longer(value, 253)
    if not _fits(_SUBDOMAIN, value):
        wrong.append(_rule(_SUBDOMAIN_RULE, _SUBDOMAIN, "example.com"))
    return wrong


def dns_label(value: str) -> list[str]:
    wrong = _longer(value, 63)
    if _fits(_LABEL, value):
        return wrong
    if _fits(_SUBDOMAIN, value):
        return [*wrong, "must not contain dots"]
    return [*wrong, _rule(_LABEL_RULE, _LABEL, "my-name", "123-abc")]


def dns1035_label(value: str) -> list[str]:
    wrong = _longer(value, 63)
    if not _fits(_DNS1035, value):
        wrong.append(_rule(_DNS1035_RULE, _DNS1035, "my-name", "abc-123"))
    return wrong


def wildcard_subdomain(value: str) -> list[str]:
    pattern = rf"\*\.{_SUBDOMAIN}"
    wrong = _longer(value, 253)
    if not _fits(pattern, value):
        wrong.append(_rule(_WILDCARD_RULE, pattern, "*.example.com"))
    return wrong


def path_segment(value: str) -> list[str]:
    """What RBAC objects may be called."""
    if value in (".", ".."):
        return [f"may not be '{value}'"]
    return [f"may not contain '{bad}'" for bad in ("/", "%") if bad in value]


def qualified_name(value: str) -> list[str]:
    """A label's key, an annotation's (in lower case), a finalizer."""
    parts = value.split("/")
    shape = _rule(_QUALIFIED_RULE, _QUALIFIED, "MyName", "my.name", "123-abc")
    if len(parts) > 2:
        tail = " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return [f"a qualified name {shape}{tail}"]
    wrong: list[str] = []
    if len(parts) == 2:
        prefixes = dns_subdomain(parts[0]) if parts[0] else ["must be non-empty"]
        wrong += [f"prefix part {m}" for m in prefixes]
    name = parts[-1]
    if not name:
        wrong.append("name part must be non-empty")
    wrong += [f"name part {m}" for m in _longer(name, 63)]
    if not _fits(_QUALIFIED, name):
        wrong.append(f"name part {shape}")
    return wrong


def label_value(value: str) -> list[str]:
    wrong = _longer(value, 63)
    if not _fits(f"({_QUALIFIED})?", value):
        wrong.append(_rule(_VALUE_RULE, f"({_QUALIFIED})?", "MyValue", "my_value", "12345"))
    return wrong


def port_number(value: int) -> list[str]:
    return [] if 1 <= value <= 65535 else ["must be between 1 and 65535, inclusive"]


def port_name(value: str) -> list[str]:
    wrong = _longer(value, 15)
    if not _fits("[-a-z0-9]+", value):
        wrong.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", value):
        wrong.append("must contain at least one letter (a-z)")
    if "--" in value:
        wrong.append("must not contain consecutive hyphens")
    if value.startswith("-") or value.endswith("-"):
        wrong.append("must not begin or end with a hyphen")
    return wrong


def env_name(value: str) -> list[str]:
    """Source: `IsRelaxedEnvVarName`, which 1.33 uses."""
    wrong = [] if value else ["environment variable name must be non-empty"]
    if any(not (" " <= c <= "~") or c == "=" for c in value):
        wrong.append(
            "a valid environment variable name must consist only of printable ASCII characters "
            "other than '='"
        )
    return wrong


def config_key(value: str) -> list[str]:
    wrong = _longer(value, 253)
    if not _fits(_KEY, value):
        message = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
        wrong.append(_rule(message, _KEY, "key.name", "KEY_NAME", "key-name"))
    if value == ".":
        wrong.append("must not be '.'")
    elif value == "..":
        wrong.append("must not be '..'")
    elif value.startswith(".."):
        wrong.append("must not start with '..'")
    return wrong


def port(value: Any, field: str) -> list[FieldError]:
    """A port by number or by name."""
    messages = port_number(value) if isinstance(value, int) else port_name(str(value))
    return [invalid_value(field, value, m) for m in messages]


def ip(text: str, field: str) -> list[FieldError]:
    return [] if addresses.address(text) else [invalid_value(field, text, IP)]


def outside_ip(text: str, field: str) -> list[FieldError]:
    """An address that others may have: none with a meaning of its own."""
    found = addresses.address(text)
    if found is None:
        return [invalid_value(field, text, IP)]
    special = {
        "may not be unspecified (0.0.0.0 or ::)": found.is_unspecified,
        "may not be in the loopback range (127.0.0.0/8, ::1/128)": found.is_loopback,
        "may not be in the link-local range (169.254.0.0/16, fe80::/10)": found.is_link_local,
    }
    return [invalid_value(field, text, rule) for rule, is_so in special.items() if is_so]


def labels(values: Mapping[str, str], field: str) -> list[FieldError]:
    wrong: list[FieldError] = []
    for key, value in sorted(values.items()):
        wrong += [invalid_value(field, key, m) for m in qualified_name(key)]
        wrong += [invalid_value(field, value, m) for m in label_value(value)]
    return wrong


def selector(value: Mapping[str, Any] | None, field: str) -> list[FieldError]:
    """A `metav1.LabelSelector`."""
    if not value:
        return []
    wrong = labels(value.get("matchLabels") or {}, f"{field}.matchLabels")
    for i, requirement in enumerate(value.get("matchExpressions") or []):
        wrong += _requirement(requirement, f"{field}.matchExpressions[{i}]")
    return wrong


def _requirement(requirement: Mapping[str, Any], field: str) -> list[FieldError]:
    operator, values = requirement.get("operator", ""), requirement.get("values") or []
    wrong: list[FieldError] = []
    if operator in ("In", "NotIn") and not values:
        rule = "must be specified when `operator` is 'In' or 'NotIn'"
        wrong.append(required(f"{field}.values", rule))
    elif operator in ("Exists", "DoesNotExist") and values:
        rule = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
        wrong.append(field_forbidden(f"{field}.values", rule))
    elif operator not in ("In", "NotIn", "Exists", "DoesNotExist"):
        rule = "not a valid selector operator"
        wrong.append(invalid_value(f"{field}.operator", operator, rule))
    key = requirement.get("key", "")
    wrong += [invalid_value(f"{field}.key", key, m) for m in qualified_name(key)]
    for i, v in enumerate(values):
        wrong += [invalid_value(f"{field}.values[{i}]", v, m) for m in label_value(v)]
    return wrong
