"""Which lines of which file a kept report shows."""

from __future__ import annotations

import pytest

from npol.errors import Position
from npol.run.details import snippet

POLICY = "kind: NetworkPolicy\nmetadata:\n  name: a\n"


def test_the_lines_around_a_place_are_shown(tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text(POLICY)
    found = snippet(Position(str(file), 2), str(tmp_path))

    assert found is not None
    assert found.lines == tuple(POLICY.splitlines())


@pytest.mark.parametrize("tool", ["helm template", "kubectl kustomize"])
def test_a_rendering_is_no_file(tool, tmp_path):
    """A link of that name may lead anywhere."""
    link = tmp_path / f"chart ({tool})"
    (tmp_path / "theirs.yaml").write_text(POLICY)
    link.symlink_to(tmp_path / "theirs.yaml")

    assert snippet(Position(str(link), 2), str(tmp_path)) is None
