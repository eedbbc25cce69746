"""A pod's volumes, written to directories that its containers mount."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from npol.api_rules import name_validation
from npol.api_rules.objects import Obj
from npol_lab.isolation import mounts, paths
from npol_lab.node.environment import Find, PodFacts, field, texts
from npol_lab.node.limits import FILES_WRITTEN, size_of

Token = Callable[[str, str], str]
"""(namespace, service account) -> a bearer token."""
Entries = dict[str, tuple[bytes, int]]
"""Content and mode by path relative to the volume."""

_VERSIONS = itertools.count(1)
WRITTEN = ("configMap", "secret", "downwardAPI", "projected")
KEPT = ("hostPath", "persistentVolumeClaim", "ephemeral")


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where a volume is: `below` a directory of the lab that nothing leads out of."""

    root: Path
    below: str = ""

    @property
    def is_directory(self) -> bool:
        return paths.exists(self.root, f"{self.below}/.")

    def make(self, owner: int) -> None:
        """
        Raises:
            OSError: a file is in the way.
        """
        if owner:
            os.chown(self.root, owner, owner)
        with paths.directory(self.root) as root:
            paths.make_directories(root, self.below, owner=owner)


class NotMounted(Exception):
    """A volume cannot be had now (event FailedMount); it is tried again."""


class Volumes:
    """The volumes of one pod, below `directory`; `shared` outlives the pod."""

    def __init__(
        self, directory: Path, shared: Path, find: Find, token: Token, *, owner: int = 0
    ) -> None:
        self._directory = directory
        self._shared = shared
        self._find = find
        self._token = token
        self._owner = owner
        self.bounded = False
        self._lenient = False
        self.paths: dict[str, Location] = {}
        self._mounted: list[Path] = []

    def prepare(self, pod: Obj, *, lenient: bool = False) -> None:
        """
        Args:
            lenient: what is missing is mounted empty.

        Raises:
            NotMounted: a ConfigMap or a Secret is missing, or the lab has no such volume.
        """
        self._lenient = lenient
        for volume in pod["spec"].get("volumes") or []:
            try:
                self.paths[volume["name"]] = self._prepare(pod, volume)
            except (OSError, ValueError) as error:  # a path that is too long, or a file's below it
                raise self._failed(volume, str(error)) from None

    def _prepare(self, pod: Obj, volume: Obj) -> Location:
        known = _is_empty(volume) or any(kind in volume for kind in (*WRITTEN, *KEPT))
        if not (known or self._lenient):
            kind = next(k for k in volume if k != "name")
            raise self._failed(volume, f"the lab has no volumes of type {kind}")
        place = self._place(pod, volume)
        if (_is_empty(volume) or not known) and self.bounded:
            self._make_bounded(place.root, size_of(volume.get("emptyDir")))
        place.root.mkdir(parents=True, exist_ok=True)
        try:
            place.make(self._owner)
        except OSError as error:
            raise self._failed(volume, error.strerror or str(error)) from None
        if any(kind in volume for kind in WRITTEN):
            write_atomically(place.root, self.entries(pod, volume), self._owner)
        return place

    def _place(self, pod: Obj, volume: Obj) -> Location:
        """
        Nothing that a manifest names is looked up outside of a directory of the lab.

        Raises:
            NotMounted: no claim can have that name.
        """
        if "hostPath" in volume:
            node = self._shared / "nodes" / str(pod["spec"]["nodeName"])
            return Location(root=node, below=str(volume["hostPath"]["path"]))
        if "persistentVolumeClaim" in volume or "ephemeral" in volume:
            named = volume.get("persistentVolumeClaim") or {}
            claim = named.get("claimName") or f"{pod['metadata']['name']}-{volume['name']}"
            if names_no_claim(claim):
                raise self._failed(volume, f'persistentvolumeclaim "{claim}" not found')
            return claim_directory(self._shared, pod["metadata"]["namespace"], claim)
        return Location(root=self._directory / str(volume["name"]))

    def refresh(self, pod: Obj, facts: PodFacts) -> None:
        """Write again what has changed in ConfigMaps, Secrets and the pod's metadata."""
        for volume in pod["spec"].get("volumes") or []:
            if any(kind in volume for kind in WRITTEN) and volume["name"] in self.paths:
                with contextlib.suppress(NotMounted, OSError, ValueError):
                    entries = self.entries(pod, volume, facts)
                    write_atomically(self.paths[volume["name"]].root, entries, self._owner)

    def entries(self, pod: Obj, volume: Obj, facts: PodFacts | None = None) -> Entries:
        facts = facts or PodFacts(pod_ips=(), host_ips=())
        projected = volume.get("projected")
        sources = projected.get("sources") or [] if projected else [volume]
        mode = next((volume[k].get("defaultMode", 0o644) for k in WRITTEN if volume.get(k)), 0o644)
        entries: Entries = {}
        for source in sources:
            entries.update(self._source(pod, volume, source, mode, facts))
        for name in entries:
            if leads_out(name):
                raise self._failed(volume, f"invalid path: {name}")
        return entries

    def _source(self, pod: Obj, volume: Obj, source: Obj, mode: int, facts: PodFacts) -> Entries:
        if (chosen := source.get("configMap")) is not None:
            return self._keys(volume, "configmap", chosen["name"], chosen, mode)
        if (chosen := source.get("secret")) is not None:
            name = chosen.get("secretName") or chosen.get("name")
            return self._keys(volume, "secret", name, chosen, mode)
        if (chosen := source.get("downwardAPI")) is not None:
            items = chosen.get("items") or []
            return {i["path"]: (_downward(pod, i, facts), i.get("mode", mode)) for i in items}
        if (chosen := source.get("serviceAccountToken")) is not None:
            account = pod["spec"].get("serviceAccountName", "default")
            token = self._token(pod["metadata"]["namespace"], account)
            return {chosen["path"]: (token.encode(), mode)}
        return {}

    def _keys(self, volume: Obj, word: str, name: str, chosen: Obj, mode: int) -> Entries:
        found = self._find(f"{word}s", name)
        optional = self._lenient or bool(chosen.get("optional"))
        if found is None:
            if optional:
                return {}
            raise self._failed(volume, f'{word} "{name}" not found')
        values = texts(found)
        items = chosen.get("items")
        if not items:
            return {key: (value, mode) for key, value in values.items()}
        missing = [item["key"] for item in items if item["key"] not in values]
        if missing and not optional:
            raise self._failed(volume, f"references non-existent config key: {missing[0]}")
        return {
            item["path"]: (values[item["key"]], item.get("mode", mode))
            for item in items
            if item["key"] in values
        }

    def _failed(self, volume: Obj, why: str) -> NotMounted:
        return NotMounted(f'MountVolume.SetUp failed for volume "{volume["name"]}" : {why}')

    def _make_bounded(self, path: Path, size: int) -> None:
        if path not in self._mounted:
            make_bounded(path, size, self._owner)
            self._mounted.append(path)

    def remove(self) -> None:
        self.paths.clear()
        while self._mounted:
            mounts.unmount(self._mounted.pop())
        shutil.rmtree(self._directory, ignore_errors=True)


def claim_directory(shared: Path, namespace: str, claim: str) -> Location:
    return Location(root=shared / "claims", below=f"{namespace}/{claim}")


def make_bounded(path: Path, size: int, owner: int) -> None:
    """A directory that takes so many bytes, and no more."""
    path.mkdir(parents=True)
    data = f"mode=777,size={size},nr_inodes={FILES_WRITTEN},uid={owner},gid={owner}"
    mounts.mount("tmpfs", path, "tmpfs", mounts.MS_NOSUID | mounts.MS_NODEV, data)


def leads_out(path: str) -> bool:
    """Whether it might be no path below a volume."""
    return path.startswith("/") or ".." in path.split("/")


def names_no_claim(name: str) -> bool:
    """The API server does not look at what a pod says; one that exists has a sound name."""
    return bool(name_validation.dns_subdomain(name))


def _is_empty(volume: Obj) -> bool:
    """An emptyDir; a volume without a type is one by default."""
    return "emptyDir" in volume or set(volume) == {"name"}


def _downward(pod: Obj, item: Obj, facts: PodFacts) -> bytes:
    if reference := item.get("fieldRef"):
        return field(pod, reference["fieldPath"], facts).encode()
    return b"0"


def write_atomically(path: Path, entries: Entries, owner: int = 0) -> None:
    """
    Files behind a link `..data` that changes in one step, as the kubelet writes them.

    Nothing is written when nothing has changed.
    """
    data = path / "..data"
    if data.is_symlink() and _read(path / os.readlink(data)) == entries:
        return
    version = f"..{next(_VERSIONS)}"
    for name, (content, mode) in entries.items():
        file = path / version / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(mode | 0o400)
    (path / version).mkdir(exist_ok=True)
    if owner:
        _own(path / version, owner)
    old = os.readlink(data) if data.is_symlink() else None
    (path / "..data_tmp").symlink_to(version)
    os.replace(path / "..data_tmp", data)
    _link_names(path, {name.split("/")[0] for name in entries})
    if old:
        shutil.rmtree(path / old, ignore_errors=True)


def _own(directory: Path, owner: int) -> None:
    for above, _, files in os.walk(directory):
        for name in (".", *files):
            os.chown(os.path.join(above, name), owner, owner)


def _link_names(path: Path, names: set[str]) -> None:
    for entry in os.listdir(path):
        if not entry.startswith("..") and entry not in names:
            (path / entry).unlink()
    for name in names:
        if not (path / name).is_symlink():
            (path / name).symlink_to(f"..data/{name}")


def _read(directory: Path) -> Entries:
    files = [f for f in directory.rglob("*") if f.is_file()]
    return {
        str(f.relative_to(directory)): (f.read_bytes(), f.stat().st_mode & 0o777) for f in files
    }
