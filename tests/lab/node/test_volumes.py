import base64

import pytest

from npol_lab.node.environment import PodFacts
from npol_lab.node.volumes import NotMounted, Volumes

CONFIG = {
    "kind": "ConfigMap",
    "metadata": {"name": "conf", "namespace": "demo"},
    "data": {"a.txt": "A", "b.txt": "B"},
}
SECRET = {
    "kind": "Secret",
    "metadata": {"name": "key", "namespace": "demo"},
    "data": {"k": base64.b64encode(b"s").decode()},
}

CLASH = [{"key": "a.txt", "path": "a"}, {"key": "b.txt", "path": "a/b"}]
LONG = [{"key": "a.txt", "path": "a" * 5000}]
ODD = [{"key": "a.txt", "path": "a\0b"}]


@pytest.fixture
def objects():
    return {("configmaps", "conf"): CONFIG, ("secrets", "key"): SECRET}


@pytest.fixture
def volumes(tmp_path, objects):
    return Volumes(
        tmp_path / "pod",
        tmp_path / "shared",
        lambda *key: objects.get(key),
        lambda namespace, account: f"token of {namespace}/{account}",
    )


def pod(volume):
    return {
        "metadata": {"name": "p", "namespace": "demo", "uid": "u", "labels": {"app": "x"}},
        "spec": {"nodeName": "lab-1", "volumes": [{"name": "v", **volume}]},
    }


def content(directory):
    files = [f for f in directory.iterdir() if not f.name.startswith("..")]
    return {f.name: f.read_text() for f in files if f.is_file()}


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        pytest.param({"configMap": {"name": "conf"}}, {"a.txt": "A", "b.txt": "B"}, id="config"),
        pytest.param(
            {"configMap": {"name": "conf", "items": [{"key": "a.txt", "path": "x"}]}},
            {"x": "A"},
            id="items",
        ),
        pytest.param({"configMap": {"name": "no", "optional": True}}, {}, id="optional"),
        pytest.param({"secret": {"secretName": "key"}}, {"k": "s"}, id="secret"),
        pytest.param({"emptyDir": {}}, {}, id="empty"),
        pytest.param(
            {
                "downwardAPI": {
                    "items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]
                }
            },
            {"l": 'app="x"'},
            id="downward",
        ),
        pytest.param(
            {
                "projected": {
                    "sources": [
                        {"serviceAccountToken": {"path": "token"}},
                        {"configMap": {"name": "conf", "items": [{"key": "b.txt", "path": "b"}]}},
                    ]
                }
            },
            {"token": "token of demo/default", "b": "B"},
            id="projected",
        ),
    ],
)
def test_a_volume_holds_what_its_source_says(volumes, volume, expected):
    volumes.prepare(pod(volume))

    assert content(volumes.paths["v"].root) == expected


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        ({"configMap": {"name": "no"}}, 'configmap "no" not found'),
        (
            {"configMap": {"name": "conf", "items": [{"key": "z", "path": "z"}]}},
            "references non-existent config key: z",
        ),
        *(
            ({"persistentVolumeClaim": {"claimName": name}}, f'persistentvolumeclaim "{name}" not')
            for name in (".", "..", "../kube-system/db", "/etc", "a/b")
        ),
        ({"configMap": {"name": "conf", "items": CLASH}}, 'for volume "v" : .* File exists'),
        ({"configMap": {"name": "conf", "items": LONG}}, 'for volume "v" : .* File name too long'),
        ({"configMap": {"name": "conf", "items": ODD}}, 'for volume "v" : .*null byte'),
        ({"nfs": {"server": "x", "path": "/"}}, "the lab has no volumes of type nfs"),
    ],
)
def test_a_volume_that_cannot_be_mounted_says_why(volumes, volume, message):
    with pytest.raises(NotMounted, match=message):
        volumes.prepare(pod(volume))


def test_changed_config_maps_appear_in_running_pods(volumes, objects):
    running = pod({"configMap": {"name": "conf"}})
    volumes.prepare(running)
    objects["configmaps", "conf"] = {**CONFIG, "data": {"a.txt": "A2", "c.txt": "C"}}

    volumes.refresh(running, PodFacts(pod_ips=(), host_ips=()))

    assert content(volumes.paths["v"].root) == {"a.txt": "A2", "c.txt": "C"}


def test_what_cannot_be_written_any_more_leaves_the_files_as_they_were(volumes, objects):
    running = pod({"configMap": {"name": "conf"}})
    volumes.prepare(running)
    objects["configmaps", "conf"] = {**CONFIG, "data": {"a" * 300: "A"}}

    volumes.refresh(running, PodFacts(pod_ips=(), host_ips=()))

    assert content(volumes.paths["v"].root) == {"a.txt": "A", "b.txt": "B"}


def test_modes_are_those_of_the_item_or_the_volume(volumes):
    items = [{"key": "a.txt", "path": "a", "mode": 0o755}, {"key": "b.txt", "path": "b"}]
    volumes.prepare(pod({"configMap": {"name": "conf", "defaultMode": 0o600, "items": items}}))
    path = volumes.paths["v"].root

    assert [(path / n).stat().st_mode & 0o777 for n in "ab"] == [0o755, 0o600]
