"""The plain files of a container's root directory: the image's programs and the pod's files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from npol_lab.isolation import paths
from npol_lab.isolation.kernel import open_beneath

INSIDE = "/.lab"
"""Where containers find the host's programs. Whatever an image has is a link to below it."""
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


class Tree:
    """
    One root directory that no program runs in yet.

    `base` is what will be mounted at `INSIDE`.
    """

    def __init__(self, path: Path, base: Path) -> None:
        self.path = path
        self._base = base

    def make(self, toolset: str, links: Mapping[str, str], files: Mapping[str, str]) -> None:
        for name in DIRECTORIES:
            (self.path / name).mkdir(parents=True, exist_ok=True)
        for name in ("tmp", "var/tmp"):
            (self.path / name).chmod(0o1777)
        programs = {f"usr/{kind}": f"..{INSIDE}/{kind}/{toolset}" for kind in ("bin", "sbin")}
        for name, target in {**programs, **LINKS, **links}.items():
            self.place(name).symlink_to(target)
        for name, text in {**FILES, **files}.items():
            self.place(name).write_text(text)

    def stand_in(self, at: str, *, directory: bool) -> None:
        """Something of the right kind where a volume will be mounted."""
        target = self.place(at)
        if directory:
            target.mkdir(exist_ok=True)
        elif not target.is_dir():
            target.unlink(missing_ok=True)
            target.touch()

    def own(self, owner: int) -> None:
        for above, directories, files in os.walk(self.path):
            for name in (".", *directories, *files):
                os.chown(os.path.join(above, name), owner, owner, follow_symlinks=False)

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
            here.mkdir(exist_ok=True)  # the host's link may lead to nothing that is here
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
        names = self._names_in(os.path.relpath(inside, INSIDE))
        if names is not None:
            path.mkdir()
            for name in names:
                (path / name).symlink_to(f"{inside}/{name}")
        return path

    def _names_in(self, directory: str) -> list[str] | None:
        """
        What a directory of the host's files holds; None where there is none.

        The host's own links are followed as the container will follow them: to no place that it
        cannot see, such as what only root may list in the host's `/etc`.
        """
        try:
            with paths.directory(self._base) as base:
                handle = open_beneath(base, directory, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            return None
        try:
            return os.listdir(handle)
        finally:
            os.close(handle)

    def _follow(self, link: Path) -> Path:
        """Where a link leads, `/` being the root."""
        for _ in range(40):
            if not link.is_symlink():
                break
            target = os.readlink(link)
            link = self.path / target.lstrip("/") if target[0] == "/" else link.parent / target
            link = Path(os.path.normpath(link))
        return link
