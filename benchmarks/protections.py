"""
How strong the tests of the way back are: `python benchmarks/protections.py [word]`.

Takes each protection away, one at a time, in a copy of the project, and runs the tests that
should notice. Prints what nobody noticed. With a word: only protections whose name holds it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = Path("harness", "npol")
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
        path = root / PACKAGE / self.file
        whole = path.read_text()
        path.write_text(whole.replace(self.code, self.instead, 1))
        try:
            return any(fails(root, test) for test in self.tests.split(", "))
        finally:
            path.write_text(whole)


def fails(root: Path, test: str) -> bool:
    """Whether tests (a file below tests/, perhaps with a word for -k) fail."""
    file, _, word = test.partition(" ")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    command += [f"tests/{file}", *(["-k", word] if word else [])]
    of_the_copy = {**os.environ, "PYTHONPATH": str(root / "harness")}
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, env=of_the_copy)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{test} cannot be run:\n{done.stdout}{done.stderr}")
    return done.returncode == 1


# ruff: noqa: E501 - a row is easier to compare on its own lines
PROTECTIONS = [
    Protection(*row)
    for row in (
        ("intent in the cluster first", "changes/journal/writer.py", "        self.write(*records)\n",
         "        self.note(*records)\n", "changes/test_order.py"),
        ("intent on the disk first", "changes/journal/writer.py", "            self._local.append(lines)\n",
         "            pass\n", "changes/test_order.py"),
        ("sync", "changes/journal/local_file.py", "                os.fsync(self._descriptor)\n",
         "                pass\n", "changes/test_local_file.py"),
        ("version in a restore's DELETE", "changes/restore/undo.py", ", resource_version=version", "",
         "changes/test_modified_by_others.py"),
        ("version in a PUT", "changes/state/compare.py",
         'live["metadata"][key] for key in ("uid", "resourceVersion")',
         "live[key] for key in ()", "changes/test_modified_by_others.py"),
        ("uid of what we left", "changes/state/object_history.py", 'live["metadata"]["uid"] != record.uid',
         "False", "changes/test_modified_by_others.py"),
        ("going on after an error", "changes/restore/restore.py", "self._errors[item.key] = str(error)",
         "raise", "changes/test_faults.py"),
        ("lock before each write", "changes/apply/change_session.py",
         "        self.check_lock(key.place)\n        try:", "        try:",
         "changes/test_lock.py"),
        ("own process holds the lock", "changes/lock/lock.py",
         " and annotations.get(HOLDER) == self._nonce", "", "changes/test_lock.py"),
        ("nobody else's lock is deleted", "changes/lock/lock.py", "resource_version=version", "grace=None",
         "changes/test_lock.py"),
        ("an overdue lock is lost", "changes/lock/lock.py",
         "            if self._overdue(namespace):\n                self._lost",
         "            if False:\n                self._lost", "changes/test_lock.py"),
        ("no clocks compared", "changes/lock/leases.py", "and versions[0] != versions[1]",
         'and found["spec"]["renewTime"] > stamp()', "changes/test_lock.py"),
        ("watchdog", "changes/watchdog.py", "return 0 if _restore(settings) else 1", "return 0",
         "changes/test_kills.py watchdog"),
        ("watchdog outlives Ctrl-C", "changes/watchdog.py", "signal.signal(number, signal.SIG_IGN)",
         "pass", "changes/test_watchdog.py"),
        ("writes are not interrupted", "kube/signals.py", "if not self._shields:", "if True:",
         "kube/test_signals.py"),
        ("a second Ctrl-C hurries", "kube/signals.py", "            self.hurried = True",
         "            pass", "kube/test_signals.py"),
        ("checksums", "changes/journal/codec.py", ' and match["sum"] == _checksum(match["entry"])', "",
         "changes/test_journal_types.py"),
        ("kinds of a journal", "changes/journal/codec.py", "    check_writable(key)\n", "",
         "changes/test_journal_types.py"),
        ("namespaces made anew", "changes/restore/verify.py", "place.uid and place.uid != known", "False",
         "changes/test_modified_by_others.py"),
        ("verification", "changes/restore/restore.py", "return comparison, comparison.problems()", "return comparison, []",
         "changes/test_modified_by_others.py"),
        ("what was left stays", "changes/recover/recovery.py", "if run.left and not with_left:", "if False:",
         "changes/test_recovery.py"),
        ("journals of other clusters", "changes/journal/find_journals.py",
         "if found is None or found.header.cluster_uid == cluster:", "if True:", "changes/test_recovery.py"),
        ("reading back", "changes/writes.py", "found = resolve()", "found = None",
         "changes/test_faults.py"),
        ("forks", "changes/transaction.py", " or os.getpid() != self._pid", "", "changes/test_transaction.py"),
        ("owners of fields", "changes/restore/undo.py", "    if not managed:\n        return", "    return",
         "changes/test_transaction.py"),
        ("asking before replacing", "changes/apply/change_session.py",
         "if not (asked or self.replace):", "if False:", "changes/test_transaction.py"),
        ("GitOps", "changes/apply/change_session.py", "if owner and not self.allow_gitops:", "if False:",
         "changes/test_transaction.py"),
        ("protected namespaces", "changes/state/snapshot.py", "if protected(namespace):", "if False:",
         "changes/test_transaction.py"),
        ("strangers in a namespace", "changes/restore/undo.py", 'if item.key.kind == "Namespace":',
         "if False:", "changes/test_transaction.py"),
        ("foreign edits between rounds", "changes/apply/change_session.py",
         "if item is None and still(known, live) and _uid(known) == _uid(live):",
         "if item is None:", "changes/test_modified_by_others.py"),
        ("pods of lost nodes", "changes/restore/debug_pods.py", "now() - asked[uid] >= FORCE_AFTER", "False",
         "changes/test_debug_pods.py"),
        ("patience with living nodes", "changes/restore/debug_pods.py", "now() - asked[uid] >= FORCE_AFTER", "True",
         "changes/test_debug_pods.py"),
        ("kinds that others defined", "kube/resource_names.py", "for g in groups)", "for g in ())",
         "changes/test_transaction.py"),
        ("readers that went", "kube/signals.py", "        _entered[-1].take(number)", "        pass",
         "kube/test_signals.py"),
        ("masks: words of a defect", "crash.py", 'word[0] if word[0] in known else "***"', "word[0]",
         "e2e/test_canaries.py"),
        ("masks: frames of npol", "pytest_plugin/boundary.py", "_spelled(error).with_traceback(None)", "_spelled(error)",
         "e2e/test_pytest_crashes.py"),
        ("masks: values of Secrets", "run/checks/objects.py", 'kind.lower() in ("secret", "secrets")', "False",
         "e2e/test_canaries.py"),
        ("masks: differences", "run/checks/applied.py", 'manifest.kind == "Secret" or HIDDEN.intersection(path)',
         "False", "e2e/test_canaries.py"),
        ("masks: commands in archives", "diagnose/archive/redact.py", 'if key in ("args", "command")', "if key in ()",
         "e2e/test_canaries.py"),
        ("masks: environments in archives", "diagnose/archive/redact.py", 'if key in ("env", "httpHeaders")',
         "if key in ()", "e2e/test_canaries.py"),
        ("masks: annotations in archives", "diagnose/archive/redact.py", 'if key == "annotations"', 'if key == ""',
         "e2e/test_canaries.py"),
        ("masks: assigned words", "kube/sanitize.py", '_STATED.sub(r"\\1***", CREDENTIAL.sub("***", text))', "text",
         "e2e/test_canaries.py"),
        ("masks: passwords in addresses", "kube/sanitize.py", 'USERINFO.sub(r"\\1***@", text)', "text",
         "kube/test_kubeconfig.py"),
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
