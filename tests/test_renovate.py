"""Each version that is pinned by hand is one that Renovate finds."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MANAGERS = json.loads((ROOT / "renovate.json").read_text())["customManagers"]
PINNED = re.compile(r"\bv\d+\.\d+\.\d+\b|sha256:[0-9a-f]+")
"""Versions and digests; what `uses:` names is found by Renovate's own reader of workflows."""
EVERYWHERE = ("tools/*", ".github/workflows/*", "ci/*", "kind-config.yaml", "Containerfile")
IMAGES = ("harness/npol*/**/*.py", "fixtures/**/*.yaml", "docs/**/*.md", "schemas/*.json")
NAMED = re.compile(r"(?:docker\.io/nicolaka/netshoot|e2e-test-images/agnhost):(v?[\d.]+\d)")


def files(*patterns: str) -> list[str]:
    found = {path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()}
    return sorted(str(path.relative_to(ROOT)) for path in found)


def takes(pattern: str, file: str) -> bool:
    """Source: Renovate, "String Pattern Matching": between slashes a regex, else a path."""
    regex = pattern.startswith("/")
    return bool(re.search(pattern.strip("/"), file)) if regex else file == pattern


def found_in(file: str) -> dict[str, set[str]]:
    """Versions and digests by what they are of."""
    text, found = (ROOT / file).read_text(), defaultdict(set)
    for manager in (m for m in MANAGERS if any(takes(p, file) for p in m["managerFilePatterns"])):
        given = {k.removesuffix("Template"): v for k, v in manager.items()}
        for pattern in manager["matchStrings"]:
            for match in re.finditer(pattern.replace("(?<", "(?P<"), text):
                named = given | match.groupdict()
                assert named["datasource"] in ("docker", "github-releases", "go")
                found[named["depName"]] |= {named["currentValue"], named.get("currentDigest", "")}
    return found


@pytest.mark.parametrize("file", files(*EVERYWHERE, "docs/how-to/kind-calico.md"))
def test_a_version_that_is_pinned_is_found(file):
    lines = [line for line in (ROOT / file).read_text().splitlines() if "uses:" not in line]
    pinned = {version for line in lines for version in PINNED.findall(line)}

    assert pinned - {v for found in found_in(file).values() for v in found} == set()


def test_images_of_debug_pods_and_stories_are_found_and_have_one_version():
    named = {file: set(NAMED.findall((ROOT / file).read_text())) for file in files(*IMAGES)}
    told = {file: found_in(file) for file, versions in named.items() if versions}

    assert len(told) > 10
    for file, found in told.items():
        assert named[file] <= {version for versions in found.values() for version in versions}
    assert len({version for versions in named.values() for version in versions}) == 2
