"""The part of the host that all containers see, mounted once: programs, libraries, devices."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path

from npol_lab.isolation import mounts
from npol_lab.isolation.tree import INSIDE
from npol_lab.node.image_programs import SYSTEM, programs

TOOLSETS = ("none", "debian", "network", "nginx", "python", "busybox")
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")

PROGRAMS = ("agnhost", "hubble")
"""Modules beside this one that containers run by themselves."""
START = f"""#!{INSIDE}/bin/debian/sh
LD_LIBRARY_PATH={INSIDE}/python/lib exec {INSIDE}/python/bin/{{python}} -I -S \
  {INSIDE}/etc/{{name}}.py "$@"
"""


class Base:
    """`<state>/base`, to be bound at `/.lab` of every container, and `<state>/dev`."""

    def __init__(self, state: Path) -> None:
        self.base = state / "base"
        self.dev = state / "dev"
        self.at = state / "root"
        """An empty directory: in each container's namespace its root is mounted here."""

    def ensure(self) -> None:
        """
        Build it when it is first needed.

        Raises:
            OSError: a mount was refused.
        """
        if not self.base.exists():
            self._build()

    def _build(self) -> None:
        self.at.mkdir()
        self._mount(Path("/usr"), "usr")
        self._mount(Path(sys.base_prefix), "python")
        for toolset in TOOLSETS:
            self._link_programs(toolset)
        self._copy_etc()
        self._build_dev()

    def _mount(self, source: Path, name: str) -> None:
        target = self.base / name
        target.mkdir(parents=True)
        mounts.bind_read_only(source, target)

    def _link_programs(self, toolset: str) -> None:
        for kind in ("bin", "sbin"):
            (self.base / kind / toolset).mkdir(parents=True)
        for name, path in programs(toolset).items():
            kind = "sbin" if name in SYSTEM else "bin"
            (self.base / kind / toolset / name).symlink_to(f"{INSIDE}{path}")

    def _copy_etc(self) -> None:
        etc = self.base / "etc"
        (etc / "ssl/certs").mkdir(parents=True)
        names = ("ld.so.cache", "protocols", "services", "os-release", "ssl/openssl.cnf")
        for name in (*names, "debian_version"):
            with contextlib.suppress(OSError):
                shutil.copyfile(f"/etc/{name}", etc / name)
        if os.path.isdir("/etc/ssl/certs"):  # beside it there are private keys
            mounts.bind_read_only(Path("/etc/ssl/certs"), etc / "ssl/certs")
        python = os.path.basename(os.path.realpath(sys.executable))
        for name in PROGRAMS:
            shutil.copyfile(Path(__file__).parent / f"{name}.py", etc / f"{name}.py")
            (etc / name).write_text(START.format(python=python, name=name))
            (etc / name).chmod(0o755)

    def _build_dev(self) -> None:
        for directory in ("pts", "shm", "mqueue"):
            (self.dev / directory).mkdir(parents=True)
        for name in DEVICES:
            (self.dev / name).touch()
            mounts.bind(Path("/dev") / name, self.dev / name)
        links = {"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"}
        for name, tail in links.items():
            (self.dev / name).symlink_to(f"/proc/self/fd{tail}")
        (self.dev / "ptmx").symlink_to("pts/ptmx")
