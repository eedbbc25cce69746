"""
What one needs after a failure, in one archive: objects, events, logs of the engine, rights.

Secrets are never asked for, nor ConfigMaps; what else may hold a secret is redacted.
"""

from npol.diagnose.archive.archive import ArchiveEntry, check_new, write_archive
from npol.diagnose.archive.gather import GatheredArchive, collect

__all__ = ["ArchiveEntry", "GatheredArchive", "check_new", "collect", "write_archive"]
