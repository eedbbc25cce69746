"""
Hostile pods: none comes out of a lab.

Each attempt is also made in a lab whose pods nothing holds. One that does not come out
there shows nothing, and is not counted; it must not come out here all the same. At night each
is made where only what holds it is switched off, and where all of that but one layer is.
"""

import json
import os
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.charts.corpus import pod_specs
from tests.lab.escapes import attempts, machine, protections
from tests.lab.escapes.machine import ALL, HeldLab, tool, users
from tests.lab.escapes.manifests import MANIFESTS

pytestmark = pytest.mark.lab

ATTEMPTS = (Path(__file__).parent / "escapes/attempts.py").read_text()
SAID = (
    "wrote the host's",
    "opened the host's",
    "wrote to what all pods share",
    "the lab's log",
    "the host's devices",
    "the host's directory",
    "npol-lab-",
    "attached to process 1",
    "a user namespace of its own",
    "a mount namespace of its own",
    "mounted",
    "opened by handle",
    "a key in",
    "keys of",
    "homes",
    "sysfs:",
    "disk:",
    "memory:",
    "a map of bpf",
    "a performance counter",
    "userfaultfd",
    "io_uring",
    "terminals",
)
"""What attempts print once they have done what no program in a pod may do."""
COUNTED = 40
"""So many attempts come out of a lab whose pods nothing holds, at least."""


def came_out(lab, name, output):
    words = [*lab.canaries.words.values(), *SAID]
    return (
        any(w in output for w in words)
        or (lab.canaries.written / name).is_symlink()
        or (lab.canaries.written / name).exists()
    )


def attempted(lab, name, *layers):
    """
    The attempts that came out of a pod, by name, with what they printed.

    `layers`: those only that are held by exactly these.
    """
    extra = {} if name == "plain" else {"securityContext": ALL}
    spec = {} if name == "plain" else {"hostPID": True, "hostIPC": True, "hostNetwork": True}
    return attempted_in(lab, name, spec, extra, *layers)


def attempted_in(lab, name, spec, extra, *layers):
    """The same in a pod with fields of its own, and of its container."""
    files = {"attempts.py": ATTEMPTS, "world.json": json.dumps(lab.world)}
    lab.core.create_namespaced_config_map("default", {"metadata": {"name": name}, "data": files})
    mounts = [{"name": "attempts", "mountPath": "/attempts"}, *extra.get("volumeMounts", ())]
    volumes = [{"name": "attempts", "configMap": {"name": name}}, *spec.get("volumes", ())]
    container = tool(**{**extra, "volumeMounts": mounts})
    assert lab.pod(name, container, **{**spec, "volumes": volumes})
    assert lab.is_ready(name)
    output = lab.exec(name, "python3", "/attempts/attempts.py", *layers)
    results = json.loads(output.splitlines()[-1])
    return results, {n: told for n, told in results.items() if came_out(lab, n, told)}


@pytest.fixture(scope="module", params=users())
def labs(request):
    """A lab, and one whose pods nothing holds, of the same user."""
    held, bare = (HeldLab(user=request.param, off=off) for off in ((), protections.ALL))
    yield held, bare
    held.close()
    bare.close()


@pytest.mark.parametrize("kind", ["plain", "privileged"])
def test_no_program_comes_out_of_a_pod(labs, kind):
    held, bare = labs
    _, counted = attempted(bare, kind)
    results, out = attempted(held, kind)

    assert out == {}
    print(len(results), len(counted), sorted(set(results) - set(counted)))
    assert len(counted) >= COUNTED, sorted(set(results) - set(counted))


def came_out_without(user, off, layers):
    """Names of the attempts held by `layers` that come out where the layers `off` are away."""
    lab = HeldLab(user=user, off=off)
    try:
        return set(attempted(lab, "plain", *layers)[1])
    finally:
        lab.close()


def may_become_others(user):
    return user is None and os.geteuid() == 0


HELD_BY = sorted({layers for _, layers in attempts.ATTEMPTS.values() if layers})


@pytest.mark.nightly
@pytest.mark.parametrize("user", users())
@pytest.mark.parametrize("layers", HELD_BY, ids="+".join)
def test_an_attempt_comes_out_where_only_what_holds_it_is_switched_off(user, layers):
    wanted = {name for name, (_, held_by) in attempts.ATTEMPTS.items() if held_by == layers}

    assert came_out_without(user, layers, layers) == wanted
    there = [layer for layer in layers if layer != "stranger" or may_become_others(user)]
    for alone in there:
        rest = tuple(layer for layer in layers if layer != alone)
        assert came_out_without(user, rest, layers) == set(), f"{alone} alone does not hold them"


def test_forty_attempts_name_what_holds_them():
    assert sum(bool(layers) for _, layers in attempts.ATTEMPTS.values()) >= COUNTED


def named(lab, name):
    """What a manifest reached: what its pod saw, or what stands among the canaries."""
    output = MANIFESTS[name](lab)
    return any(word in output for word in lab.canaries.words.values()) or any(
        os.path.lexists(lab.canaries.written / left) for left in (name, name.replace("_", "-"))
    )


@pytest.fixture(scope="module")
def told(labs):
    """Both labs know the ConfigMap that manifests name."""
    for lab in labs:
        files = {"world.json": json.dumps(lab.world)}
        body = {"metadata": {"name": "manifests"}, "data": files}
        lab.core.create_namespaced_config_map("default", body)
    return labs


@pytest.mark.parametrize("name", MANIFESTS)
def test_no_manifest_names_a_way_out(told, name):
    held, bare = told

    assert named(bare, name), "the attempt shows nothing"
    assert not named(held, name)


@pytest.fixture
def labs_of_stand_ins(monkeypatch):
    monkeypatch.setattr(machine, "NETSHOOT", "registry.example.com/base/unknown:1")
    held, bare = (HeldLab(user=None, off=off) for off in ((), protections.ALL))
    for lab in (held, bare):
        files = {"world.json": json.dumps(lab.world)}
        body: Any = {"metadata": {"name": "manifests"}, "data": files}
        lab.core.create_namespaced_config_map("default", body)
    yield held, bare
    held.close()
    bare.close()


@pytest.mark.nightly
def test_no_manifest_names_a_way_out_of_a_stand_in(labs_of_stand_ins):
    """Their init containers run nothing, so what plants a link first shows nothing here."""
    held, bare = labs_of_stand_ins
    shown = [name for name in MANIFESTS if named(bare, name)]
    assert [name for name in MANIFESTS if named(held, name)] == []
    assert len(shown) >= 8, shown


HOSTILE = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace")
PLACES = ("hostPath", "emptyDir")


def shapes():
    """What the pods of charts ask of the host: each different one once, as pod and container."""
    found = {}
    for chart, pod in pod_specs():
        volumes = [v for v in pod.get("volumes") or [] if any(place in v for place in PLACES)]
        names = {v["name"] for v in volumes}
        spec = {key: pod[key] for key in HOSTILE if key in pod} | {"volumes": volumes}
        for container in (*pod["containers"], *(pod.get("initContainers") or [])):
            mounts = [
                m
                for m in container.get("volumeMounts") or []
                if m["name"] in names and not _is_device(m)
            ]
            rights = container.get("securityContext") or {}
            extra = {"volumeMounts": mounts, "securityContext": rights}
            key = json.dumps([rights, spec, [m.get("mountPropagation") for m in mounts]])
            found.setdefault(key, pytest.param(spec, extra, id=f"{chart}-{container['name']}"))
    return list(found.values())


def _is_device(mount):
    """A pod without what holds it has no room for these."""
    return mount["mountPath"].startswith("/dev/")


@pytest.mark.nightly
@pytest.mark.parametrize(("spec", "extra"), shapes())
def test_no_program_comes_out_of_a_charts_pod(labs, request, spec, extra):
    held, bare = labs
    name = f"shape-{zlib.crc32(request.node.callspec.id.encode()):x}"
    _, counted = attempted_in(bare, name, spec, extra)
    _, out = attempted_in(held, name, spec, extra)

    assert out == {}
    assert counted
