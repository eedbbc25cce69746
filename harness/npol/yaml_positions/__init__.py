"""
YAML with positions: the one door to YAML in this package.

A `Document` is plain data (dict, list, str, int, float, bool, None) and the place of each
value in its file. Two dialects: `STORY` reads scalars as YAML 1.2 does (`no` is a string),
`MANIFEST` as kubectl does (sigs.k8s.io/yaml, YAML 1.1: `no` and `y` are booleans, `0777` is
octal), so that we see what the API server will see.
"""

from npol.yaml_positions.document import Document, Path, YamlDialect
from npol.yaml_positions.reader import load
from npol.yaml_positions.text import MAX_BYTES
from npol.yaml_positions.writer import dump

__all__ = ["MAX_BYTES", "Document", "Path", "YamlDialect", "dump", "load"]
