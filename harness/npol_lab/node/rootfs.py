"""A container's root directory: the image's programs, the pod's files, the volumes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from npol_lab.node import mounts
from npol_lab.node.shared_rootfs import INSIDE, Base

_TOP = ("dev", "etc", "home", "mnt", "opt", "proc", "root", "run", "srv", "sys", "tmp")
_DEEP = ("run/lock", "usr/local/bin", "usr/local/sbin")
_VAR = ("var/cache", "var/lib", "var/log", "var/tmp")
DIRECTORIES = (*_TOP, *_DEEP, *_VAR, INSIDE.lstrip("/"))
LINKS = {
    "usr/lib": f"..{INSIDE}/usr/lib",
    "usr/lib64": f"..{INSIDE}/usr/lib64",
    "usr/libexec": f"..{INSIDE}/usr/libexec",
    "usr/share": f"..{INSIDE}/usr/share",
    "bin": "usr/bin",
    "sbin": "usr/sbin",
    "lib": "usr/lib",
    "lib64": "usr/lib64",
    "var/run": "../run",
    "var/lock": "../run/lock",
    "etc/ssl": f"..{INSIDE}/etc/ssl",
    "etc/ld.so.cache": f"..{INSIDE}/etc/ld.so.cache",
    "etc/protocols": f"..{INSIDE}/etc/protocols",
    "etc/services": f"..{INSIDE}/etc/services",
    "etc/os-release": f"..{INSIDE}/etc/os-release",
}
USERS = ("root", "nobody", "www-data", "nginx", "daemon", "_apt", "sys", "adm")
"""A user namespace may map no user but root: every name is root, so `user nginx;` works."""

FILES = {
    "etc/passwd": "".join(f"{user}:x:0:0:{user}:/root:/bin/sh\n" for user in USERS),
    "etc/group": "".join(f"{group}:x:0:\n" for group in (*USERS, "nogroup", "tty")),
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeMount:
    """`source` (a file or a directory) appears at the absolute path `at`."""

    source: Path
    at: str
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RootPlan:
    """What a container's root is made of."""

    toolset: str
    files: Mapping[str, str] = field(default_factory=dict)
    """Text by path relative to the root: of the image, and /etc/hosts, /etc/resolv.conf."""
    links: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[VolumeMount, ...] = ()


class Root:
    """One root directory. Nothing of it exists before `build`."""

    def __init__(self, path: Path, base: Base) -> None:
        self.path = path
        self._base = base
        self._mounted: list[Path] = []

    @property
    def built(self) -> bool:
        return bool(self._mounted)

    def build(self, plan: RootPlan) -> None:
        """
        Raises:
            OSError: a mount was refused.
        """
        self._base.ensure()
        for name in DIRECTORIES:
            (self.path / name).mkdir(parents=True, exist_ok=True)
        (self.path / "tmp").chmod(0o1777)
        programs = {f"usr/{kind}": f"..{INSIDE}/{kind}/{plan.toolset}" for kind in ("bin", "sbin")}
        links = {**programs, **LINKS, **plan.links}
        for name, target in links.items():
            self.place(name).symlink_to(target)
        for name, text in {**FILES, **plan.files}.items():
            self.place(name).write_text(text)
        self._bind(self._base.base, self.path / INSIDE.lstrip("/"))
        self._bind(self._base.dev, self.path / "dev")
        for volume in plan.mounts:
            self._mount(volume)

    def _bind(self, source: Path, target: Path) -> None:
        mounts.bind(source, target, recursive=True)
        self._mounted.append(target)

    def _mount(self, volume: VolumeMount) -> None:
        target = self.place(volume.at)
        if volume.source.is_dir():
            target.mkdir(exist_ok=True)
        else:
            target.unlink(missing_ok=True)
            target.touch()
        bind = mounts.bind_read_only if volume.read_only else mounts.bind
        bind(volume.source, target)
        self._mounted.append(target)

    def place(self, at: str) -> Path:
        """
        The path inside the root, with real directories on the way.

        Where the way leads into the host's files, each directory on it becomes one of
        links to what the host's has.
        """
        here = self.path
        parts = [part for part in at.split("/") if part not in ("", ".", "..")]
        for part in parts[:-1]:
            here = self._enter(here / part)
        last = here.joinpath(*parts[-1:])
        return self._enter(last) if last.is_symlink() else last

    def _enter(self, path: Path) -> Path:
        if not path.is_symlink():
            path.mkdir(exist_ok=True)
            return path
        target = self._follow(path)
        inside = "/" + os.path.relpath(target, self.path)
        if not inside.startswith(INSIDE):
            return target
        path.unlink()
        host = self._host(inside)
        if host.is_dir():
            path.mkdir()
            for entry in os.listdir(host):
                (path / entry).symlink_to(f"{inside}/{entry}")
        return path

    def _follow(self, link: Path) -> Path:
        """Where a link leads, `/` being the root."""
        for _ in range(40):
            if not link.is_symlink():
                break
            target = os.readlink(link)
            link = self.path / target.lstrip("/") if target[0] == "/" else link.parent / target
            link = Path(os.path.normpath(link))
        return link

    def _host(self, inside: str) -> Path:
        """What `/.lab/...` is outside: its mount may not stand yet."""
        return self._base.base / os.path.relpath(inside, INSIDE)

    def find(self, program: str, search: str) -> str | None:
        """The path that execvp(3) would run in here, or None."""
        if "/" in program:
            return program if os.path.lexists(self.path / program.lstrip("/")) else None
        for directory in search.split(":"):
            candidate = f"{directory}/{program}"
            if directory and os.path.lexists(self.path / candidate.lstrip("/")):
                return candidate
        return None

    def bind_proc(self) -> None:
        """The lab's own /proc, for want of one of the pod's own."""
        self._bind(Path("/proc"), self.path / "proc")

    def proc_mounted(self) -> None:
        """Somebody mounted the pod's own /proc: it goes with the rest."""
        self._mounted.append(self.path / "proc")

    def remove(self) -> None:
        """
        Unmount all and delete the tree: the host's files are behind mounts only.

        Raises:
            OSError: a mount would not go; then nothing is deleted.
        """
        while self._mounted:
            mounts.unmount(self._mounted[-1])
            self._mounted.pop()
        shutil.rmtree(self.path, ignore_errors=True)
