"""Plain data as YAML text that every reader takes for the same."""

from __future__ import annotations

from typing import Any

import yaml

from npol.yaml_positions.scalars import CORE, SCALARS


def dump(data: Any) -> str:
    """Plain data as YAML text, keys in the order given."""
    return str(yaml.dump(data, Dumper=_YamlWriter, sort_keys=False, width=100, allow_unicode=True))


class _YamlWriter(yaml.SafeDumper):
    """Quotes each text that a reader of some dialect would take for something else (`1e3`, `y`)."""

    def ignore_aliases(self, data: Any) -> bool:
        """What stands in two places is written twice: a reader has no anchors to look up."""
        return True


def _represent_text(writer: _YamlWriter, text: str) -> yaml.ScalarNode:
    if "\n" in text:
        return writer.represent_scalar(f"{CORE}str", text, style="|")
    ambiguous = any(not isinstance(scalar(text), str) for scalar in SCALARS.values())
    return writer.represent_scalar(f"{CORE}str", text, style="'" if ambiguous else None)


_YamlWriter.add_representer(str, _represent_text)
