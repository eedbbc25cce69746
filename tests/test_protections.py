"""benchmarks/protections.py: each protection that it takes away is there, and so are its tests."""

from __future__ import annotations

import pytest

from benchmarks.protections import PACKAGE, PROTECTIONS, ROOT


@pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda p: p.name)
def test_protection_stands_in_its_file_and_has_its_tests(protection):
    code = (ROOT / PACKAGE / protection.file).read_text()
    files = [ROOT / "tests" / test.partition(" ")[0] for test in protection.tests.split(", ")]

    assert protection.code in code
    assert [file for file in files if not file.is_file()] == []
