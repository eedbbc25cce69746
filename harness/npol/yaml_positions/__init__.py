"""
YAML with positions: the one door to YAML in this package.

A `document` is plain data (dict, list, str, int, float, bool, None) and the place of each value in
its file. What its scalars mean, its dialect says: as YAML 1.2 has it, or as kubectl reads a file,
so that we see what the API server will see.
"""

from npol.yaml_positions.document import Document, Path, YamlDialect
from npol.yaml_positions.reader import load
from npol.yaml_positions.text import MAX_BYTES, MAX_RENDERED
from npol.yaml_positions.writer import dump

__all__ = ["MAX_BYTES", "MAX_RENDERED", "Document", "Path", "YamlDialect", "dump", "load"]
