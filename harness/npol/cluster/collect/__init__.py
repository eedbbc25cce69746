"""
What one needs after a failure, in one archive: objects, events, logs of the engine, rights.

Secrets are never asked for, nor ConfigMaps; what else may hold a secret is redacted.
"""

from npol.cluster.collect.archive import Piece, check_new, write_archive
from npol.cluster.collect.reading import Collected, collect

__all__ = ["Collected", "Piece", "check_new", "collect", "write_archive"]
