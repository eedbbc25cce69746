"""
How strong the tests of the way back are: `python benchmarks/protections.py [word]`.

Takes each protection away, one at a time, in a copy of the project, and runs the tests that
should notice. Prints what nobody noticed. With a word: only protections whose name holds it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "fixtures")


@dataclass(frozen=True)
class Protection:
    """A piece of code that is taken away, and the tests that should miss it."""

    name: str
    file: str
    code: str
    instead: str
    tests: str

    def taken_away(self, root: Path) -> bool:
        """Whether some test notices."""
        path = root / "harness" / "npol" / "cluster" / self.file
        whole = path.read_text()
        if self.code not in whole:
            raise SystemExit(f"{self.name}: {self.file} no longer holds {self.code!r}")
        path.write_text(whole.replace(self.code, self.instead, 1))
        try:
            return any(fails(root, test) for test in self.tests.split(", "))
        finally:
            path.write_text(whole)


def fails(root: Path, test: str) -> bool:
    """Whether tests (a file below tests/kube, perhaps with a word for -k) fail."""
    file, _, word = test.partition(" ")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    command += [f"tests/kube/{file}", *(["-k", word] if word else [])]
    return subprocess.run(command, cwd=root, capture_output=True).returncode == 1


C = "custody/"
PROTECTIONS = [
    Protection(*row)
    for row in (
        ("intent in the cluster first", C + "journal.py", "        self.write(record)\n",
         "        self.note(record)\n", C + "test_order.py"),
        ("intent on the disk first", C + "journal.py", "            self._local.append(lines)\n",
         "            pass\n", C + "test_order.py"),
        ("sync", C + "localfile.py", "                os.fsync(self._descriptor)\n",
         "                pass\n", C + "test_localfile.py"),
        ("version in a restore's DELETE", C + "undo.py", ", resource_version=version", "",
         C + "test_foreign.py"),
        ("version in a PUT", C + "content.py",
         'live["metadata"][key] for key in ("uid", "resourceVersion")',
         "live[key] for key in ()", C + "test_foreign.py"),
        ("uid of what we left", C + "touched.py", 'live["metadata"]["uid"] != record.uid',
         "False", C + "test_foreign.py"),
        ("going on after an error", C + "restore.py", "self._errors[item.key] = str(error)",
         "raise", C + "test_faults.py"),
        ("lock before each write", C + "session.py",
         "        self.check_lock(key.namespace)\n        try:", "        try:",
         C + "test_lock.py"),
        ("own process holds the lock", C + "lock.py",
         " and annotations.get(HOLDER) == self._nonce", "", C + "test_lock.py"),
        ("nobody else's lock is deleted", C + "lock.py", "resource_version=version", "grace=None",
         C + "test_lock.py"),
        ("an overdue lock is lost", C + "lock.py",
         "            if self._overdue(namespace):\n                self._lost",
         "            if False:\n                self._lost", C + "test_lock.py"),
        ("no clocks compared", C + "leases.py", "and versions[0] != versions[1]",
         'and found["spec"]["renewTime"] > stamp()', C + "test_lock.py"),
        ("watchdog", "watchdog.py", "return 0 if _restore(settings) else 1", "return 0",
         C + "test_kills.py watchdog"),
        ("watchdog outlives Ctrl-C", "watchdog.py", "signal.signal(number, signal.SIG_IGN)",
         "pass", "test_watchdog.py"),
        ("writes are not interrupted", "signals.py", "if not self._shields:", "if True:",
         "test_signals.py"),
        ("a second Ctrl-C hurries", "signals.py", "            self.hurried = True",
         "            pass", "test_signals.py"),
        ("checksums", C + "lines.py", ' and match["sum"] == _checksum(match["entry"])', "",
         C + "test_records.py"),
        ("kinds of a journal", C + "lines.py", "    check_writable(key)\n", "",
         C + "test_records.py"),
        ("namespaces made anew", C + "verify.py", "place.uid and place.uid != known", "False",
         C + "test_foreign.py"),
        ("verification", C + "restore.py", "problems = comparison.problems()", "problems = []",
         C + "test_foreign.py"),
        ("what was left stays", C + "recovery.py", "if run.left and not with_left:", "if False:",
         C + "test_recovery.py"),
        ("journals of other clusters", C + "journals.py",
         "        if each.header.cluster_uid != uid:\n            raise",
         "        if False:\n            raise", C + "test_recovery.py"),
        ("reading back", C + "sending.py", "found = resolve()", "found = None",
         C + "test_faults.py"),
        ("forks", C + "custody.py", " or os.getpid() != self._pid", "", C + "test_custody.py"),
        ("owners of fields", C + "undo.py", "    if not managed:\n        return", "    return",
         C + "test_custody.py"),
        ("asking before replacing", C + "session.py",
         "if not (asked or self.replace_allowed):", "if False:", C + "test_custody.py"),
        ("GitOps", C + "session.py", "if owner and not self.gitops_allowed:", "if False:",
         C + "test_custody.py"),
        ("protected namespaces", C + "snapshot.py", "if protected(namespace):", "if False:",
         C + "test_custody.py"),
        ("strangers in a namespace", C + "undo.py", 'if item.key.kind == "Namespace":',
         "if False:", C + "test_custody.py"),
        ("foreign edits between rounds", C + "session.py",
         "if item is None and same(known, live) and _uid(known) == _uid(live):",
         "if item is None:", C + "test_foreign.py"),
        ("pods of lost nodes", C + "pods.py", "now() - asked[uid] >= FORCE_AFTER", "False",
         C + "test_pods.py"),
        ("patience with living nodes", C + "pods.py", "now() - asked[uid] >= FORCE_AFTER", "True",
         C + "test_pods.py"),
        ("kinds that others defined", "kinds.py", "for g in groups)", "for g in ())",
         C + "test_custody.py"),
        ("readers that went", "signals.py", "        _entered[-1].take(number)", "        pass",
         "test_signals.py"),
    )
]  # fmt: skip


def main() -> None:
    wanted = [p for p in PROTECTIONS if sys.argv[1:] == [] or sys.argv[1] in p.name]
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory, "npol")
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
        tests = {test for p in wanted for test in p.tests.split(", ")}
        broken = sorted(test for test in tests if fails(copy, test))
        if broken:
            raise SystemExit(f"they fail with all protections in place: {', '.join(broken)}")
        missed = [p.name for p in wanted if not p.taken_away(copy)]
    print(f"{len(wanted) - len(missed)} of {len(wanted)} protections are missed when they are gone")
    for name in missed:
        print(f"nobody notices: {name}")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
