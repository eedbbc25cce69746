"""What a run in a lab says of the stand-ins there."""

from __future__ import annotations

import pytest

from npol.run.stand_ins import stand_in_notes


def pod(stand_ins, *containers):
    annotations = {"npol.dev/stand-ins": stand_ins} if stand_ins else {}
    head = {"namespace": "shop", "annotations": annotations}
    return {"metadata": head, "spec": {"containers": list(containers)}}


def container(name, image, **probes):
    return {"name": name, "image": image, **probes}


EXEC, GRPC = {"exec": {"command": ["x"]}}, {"grpc": {"port": 1}}


@pytest.mark.parametrize(
    ("pods", "said"),
    [
        ([pod("", container("a", "nginx"))], ()),
        ([pod("a", container("a", "x:1"))], ("1 stand-in for 1 image",)),
        (
            [
                pod("a,b", container("a", "x:1", readinessProbe=EXEC), container("b", "y:1")),
                pod("a", container("a", "x:1", readinessProbe=EXEC, livenessProbe=GRPC)),
            ],
            (
                "3 stand-ins for 2 images, 2 exec probes taken as passed, "
                "1 gRPC probe taken as passed",
            ),
        ),
        ([pod("a", container("a", "x:1"), container("b", "nginx", readinessProbe=EXEC))], None),
    ],
    ids=["none", "one", "several", "a-known-neighbour"],
)
def test_stand_ins_are_told_in_one_line(pods, said):
    found = stand_in_notes(pods)
    assert found == (("1 stand-in for 1 image",) if said is None else said)
