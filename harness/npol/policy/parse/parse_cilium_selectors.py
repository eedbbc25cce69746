"""
Label selectors of Cilium's policies, with the source of each label in its key, and with the
namespace that Cilium adds to them.

Source: cilium/cilium v1.20.2 pkg/k8s/apis/cilium.io/utils/utils.go (getEndpointSelector,
ParseToCiliumRule) and pkg/policy/api/selector.go (Sanitize).
"""

from __future__ import annotations

import re
from typing import Any

from npol.policy.objects.cilium_labels import NAMESPACE, NAMESPACE_LABELS
from npol.policy.parse.object_source import Path
from npol.policy.parse.parse_selectors import LABEL_KEY, read_selector
from npol.policy.parse.validation_errors import Refusals
from npol.selectors import Selector, keys_of

_SOURCED_KEY = re.compile(rf"([A-Za-z0-9_-]+:|\$)?(?:{LABEL_KEY.pattern})")
_PLACE = f"k8s:{NAMESPACE}"
_PLACES = (_PLACE, f"any:{NAMESPACE}")
_AROUND = (f"k8s:{NAMESPACE_LABELS}", f"any:{NAMESPACE_LABELS}")
INIT = "reserved:init"


def read_sourced(refusals: Refusals, value: Any, path: Path, source: str = "any") -> Selector:
    """A selector whose labels without a source have this one."""
    found = read_selector(refusals, value, path, _SOURCED_KEY) or {}
    return {
        "matchLabels": {
            _sourced(key, source): wanted for key, wanted in found.get("matchLabels", {}).items()
        },
        "matchExpressions": [
            {**e, "key": _sourced(e["key"], source)} for e in found.get("matchExpressions", ())
        ],
    }


def _sourced(key: str, source: str) -> str:
    if key.startswith("$"):
        return f"reserved:{key[1:]}"
    return key if ":" in key else f"{source}:{key}"


def as_subject(selector: Selector, namespace: str) -> Selector:
    """A CiliumNetworkPolicy acts in its own namespace, whatever its selector says of it."""
    if not namespace:
        return selector
    return {**selector, "matchLabels": {**selector["matchLabels"], _PLACE: namespace}}


def as_peer(selector: Selector, namespace: str, subject: Selector) -> Selector:
    """Pods of the policy's namespace, unless it names others; of all, for a clusterwide policy."""
    keys = keys_of(selector)
    if any(key.startswith("reserved:") for key in keys) or any(key in _PLACES for key in keys):
        return selector
    if not namespace:
        if INIT in keys_of(subject):
            return selector
        exists = {"key": _PLACE, "operator": "Exists"}
        return {**selector, "matchExpressions": [*selector["matchExpressions"], exists]}
    if any(key.startswith(_AROUND) for key in keys):
        return selector
    return as_subject(selector, namespace)
