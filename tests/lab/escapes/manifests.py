"""Ways out of a lab that manifests might name: each makes pods, and says what they saw."""

import os
import time

from tests.lab.escapes.machine import tool

UP = "../" * 16
ON = {"nodeName": "lab-1"}
SOON = 4.0
MANIFESTS = {}


def manifest(function):
    MANIFESTS[function.__name__] = function
    return function


def seen(lab, name, path="/v"):
    """What a pod reads where the canary's directory might be; it leaves a file, too."""
    if not lab.is_ready(name, within=SOON):
        return ""
    return lab.exec(name, "sh", "-c", f"cat {path}/secret {path}; touch {path}/written/{name}")


def mounted(lab, name, volume, *before, **mount):
    mounts = [{"name": "v", "mountPath": "/v", **mount}]
    initial = [
        tool(f"i{n}", "sh", "-c", script, volumeMounts=[{"name": "v", "mountPath": "/v"}])
        for n, script in enumerate(before)
    ]
    main = tool(volumeMounts=mounts, env=[{"name": "UP", "value": UP}])
    volumes = [{"name": "v", **volume}]
    made = lab.pod(_named(name), main, initContainers=initial, volumes=volumes, **ON)
    return seen(lab, _named(name)) if made else "refused"


def _named(name):
    return name.replace("_", "-")


@manifest
def host_path_up(lab):
    return mounted(lab, "host_path_up", {"hostPath": {"path": f"/{UP}{lab.canaries.directory}"}})


@manifest
def host_path_through_a_link(lab):
    link = f"ln -sfn {lab.canaries.directory} /v/link"
    mounted(lab, "planter", {"hostPath": {"path": "/data"}}, link)
    return mounted(lab, "host_path_through_a_link", {"hostPath": {"path": "/data/link"}})


@manifest
def sub_path_up(lab):
    path = f"{UP}{lab.canaries.directory}"
    return mounted(lab, "sub_path_up", {"emptyDir": {}}, subPath=path)


@manifest
def sub_path_up_by_variable(lab):
    path = f"$(UP){lab.canaries.directory}"
    return mounted(lab, "sub_path_up_by_variable", {"emptyDir": {}}, subPathExpr=path)


@manifest
def sub_path_through_a_link(lab):
    link = f"ln -s {lab.canaries.directory} /v/link"
    return mounted(lab, "sub_path_through_a_link", {"emptyDir": {}}, link, subPath="link")


@manifest
def sub_path_through_a_relative_link(lab):
    link = f"ln -s {UP}{lab.canaries.directory} /v/link"
    name = "sub_path_through_a_relative_link"
    return mounted(lab, name, {"emptyDir": {}}, link, subPath="link")


@manifest
def place_of_a_mount_through_a_link(lab):
    """The place is made where it does not exist."""
    name = "place-of-a-mount-through-a-link"
    mount = {"name": "v", "mountPath": "/v"}
    link = f"ln -s {lab.canaries.directory} /v/link"
    inner = {"name": "w", "mountPath": f"/v/link/written/{name}"}
    made = lab.pod(
        name,
        tool(volumeMounts=[mount, inner]),
        initContainers=[tool("i", "sh", "-c", link, volumeMounts=[mount])],
        volumes=[{"name": "v", "emptyDir": {}}, {"name": "w", "emptyDir": {}}],
    )
    return str(lab.is_ready(name, within=SOON)) if made else "refused"


def written(lab, name, source):
    """A volume whose file is to be written among the canaries."""
    left = lab.canaries.written / _named(name)
    volumes = [{"name": "v", **source(f"{UP}{left}")}]
    if not lab.pod(_named(name), tool(), volumes=volumes, **ON):
        return "refused"
    deadline = time.monotonic() + SOON
    while not left.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return ""


def config_map(path):
    return {"configMap": {"name": "manifests", "items": [{"key": "world.json", "path": path}]}}


@manifest
def items_of_a_config_map(lab):
    return written(lab, "items_of_a_config_map", config_map)


@manifest
def items_of_a_secret(lab):
    secret = {"metadata": {"name": "s"}, "stringData": {"k": "x"}}
    lab.core.create_namespaced_secret("default", secret)
    return written(
        lab,
        "items_of_a_secret",
        lambda path: {"secret": {"secretName": "s", "items": [{"key": "k", "path": path}]}},
    )


@manifest
def items_of_a_projection(lab):
    return written(
        lab, "items_of_a_projection", lambda path: {"projected": {"sources": [config_map(path)]}}
    )


@manifest
def token_of_a_projection(lab):
    return written(
        lab,
        "token_of_a_projection",
        lambda path: {"projected": {"sources": [{"serviceAccountToken": {"path": path}}]}},
    )


@manifest
def labels_by_downward_api(lab):
    field = {"fieldPath": "metadata.name"}
    return written(
        lab,
        "labels_by_downward_api",
        lambda path: {"downwardAPI": {"items": [{"path": path, "fieldRef": field}]}},
    )


@manifest
def name_of_a_claim(lab):
    claim = {"claimName": f"{UP}{lab.canaries.directory}"}
    return mounted(lab, "name_of_a_claim", {"persistentVolumeClaim": claim})


@manifest
def end_of_a_claim(lab):
    """What holds all claims is mounted, and a link to the host put where a namespace's are."""
    victim = lab.canaries.directory / "victim"
    victim.mkdir()
    os.chown(victim, lab.canaries.directory.stat().st_uid, -1)
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    claim = {"metadata": {"name": victim.name}, "spec": spec}
    lab.core.create_namespaced_persistent_volume_claim("default", claim)
    mounted(lab, "end_of_a_claim", {"persistentVolumeClaim": {"claimName": ".."}})
    script = f"mv /v/default /v/old; ln -s {victim.parent} /v/default"
    if lab.is_ready("end-of-a-claim", within=0.1):
        lab.exec("end-of-a-claim", "sh", "-c", script)
    lab.core.delete_namespaced_persistent_volume_claim(victim.name, "default")
    until = time.monotonic() + (SOON if lab.off else 0.5)
    while victim.exists() and time.monotonic() < until:
        time.sleep(0.02)
    return "" if victim.exists() else lab.canaries.words["file"]


@manifest
def configuration_of_an_ingress_controller(lab):
    """The lab writes it anew when an Ingress comes: at once, or later on a busy machine."""
    image = "registry.k8s.io/ingress-nginx/controller:v1.11.2"
    name = "configuration-of-an-ingress-controller"
    lab.pod(name, {"name": "c", "image": image})
    if not lab.is_ready(name):
        return ""
    target = lab.canaries.written / name
    patience, hosts = (10.0, ("one.test", "two.test")) if lab.off else (2.0, ("one.test",))
    for host in hosts:  # what the lab writes at the controller's start may take the link away
        lab.exec(name, "ln", "-sf", str(target), "/etc/nginx/nginx.conf")
        lab.make_ingress(host)
        until = time.monotonic() + patience
        while not os.path.lexists(target) and time.monotonic() < until:
            time.sleep(0.05)
    return ""
