"""
What Endpoints and EndpointSlices may say.

Source: kubernetes `pkg/apis/core/validation/validation.go`, validateEndpointAddress, and
`pkg/apis/discovery/validation/validation.go`, ValidateEndpointSlice.
"""

from __future__ import annotations

from npol.api_rules import addresses, name_validation
from npol.api_rules.field_errors import FieldError, invalid_value, required, unsupported
from npol.api_rules.kinds.service_checks import PROTOCOLS
from npol.api_rules.objects import Obj

ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")


def check_endpoints(obj: Obj) -> list[FieldError]:
    wrong: list[FieldError] = []
    for i, subset in enumerate(obj.get("subsets") or []):
        for key in ("addresses", "notReadyAddresses"):
            for j, address in enumerate(subset.get(key) or []):
                wrong += _address(address, f"subsets[{i}].{key}[{j}]")
        for j, port in enumerate(subset.get("ports") or []):
            field = f"subsets[{i}].ports[{j}]"
            wrong += name_validation.port(port.get("port", 0), f"{field}.port")
            wrong += _protocol(port, field)
    return wrong


def _address(address: Obj, field: str) -> list[FieldError]:
    wrong = name_validation.outside_ip(address.get("ip", ""), f"{field}.ip")
    return wrong + _hostname(address, field)


def _hostname(owner: Obj, field: str) -> list[FieldError]:
    name = owner.get("hostname") or ""
    messages = name_validation.dns_label(name) if name else []
    return [invalid_value(f"{field}.hostname", name, message) for message in messages]


def _protocol(port: Obj, field: str) -> list[FieldError]:
    given = port.get("protocol", "")
    return [] if given in PROTOCOLS else [unsupported(f"{field}.protocol", given, PROTOCOLS)]


def check_endpointslice(obj: Obj) -> list[FieldError]:
    kind = obj.get("addressType", "")
    wrong = [] if kind in ADDRESS_TYPES else [unsupported("addressType", kind, ADDRESS_TYPES)]
    if not kind:
        wrong = [required("addressType")]
    for i, endpoint in enumerate(obj.get("endpoints") or []):
        field = f"endpoints[{i}]"
        if not endpoint.get("addresses"):
            wrong.append(required(f"{field}.addresses", "must contain at least 1 address"))
        for j, address in enumerate(endpoint.get("addresses") or []):
            wrong += _of_type(kind, address, f"{field}.addresses[{j}]")
        wrong += _hostname(endpoint, field)
    for i, port in enumerate(obj.get("ports") or []):
        wrong += _protocol(port, f"ports[{i}]")
    return wrong


def _of_type(kind: str, text: str, field: str) -> list[FieldError]:
    if kind == "FQDN":
        messages = name_validation.dns_subdomain(text.removesuffix("."))
        return [invalid_value(field, text, message) for message in messages]
    found = addresses.address(text)
    fits = found is not None and kind == f"IPv{found.version}"
    wrong = [] if fits else [invalid_value(field, text, f"must be a valid {kind} address")]
    return wrong + (name_validation.outside_ip(text, field) if found is not None else [])
