"""How a container's program is started, and how commands are run beside it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING

from npol_lab.node import podfiles
from npol_lab.node.apps.app import Place
from npol_lab.node.container_process import Served, Workload, builtin
from npol_lab.node.coredns import Coredns
from npol_lab.node.environment import ConfigError, environment, expand, hostname
from npol_lab.node.images import Image, arguments
from npol_lab.node.ingress import IngressProcess
from npol_lab.node.logs import Log
from npol_lab.node.process import (
    Command,
    Console,
    Process,
    exit_code,
    processes_in,
    send,
    spawn,
)
from npol_lab.node.rootfs import Root, RootPlan, VolumeMount
from npol_lab.store import Obj

if TYPE_CHECKING:
    from npol_lab.node.pod import Pod

READ_ONLY_VOLUMES = ("configMap", "secret", "downwardAPI", "projected")
_RUNS = itertools.count(1)


class Launcher:
    """Knows a container's files, variables and command line. One root directory for each run."""

    def __init__(self, pod: Pod, spec: Obj) -> None:
        self._pod = pod
        self._spec = spec
        self._image: Image | None = None
        self._root: Root | None = None
        self._building = asyncio.Lock()
        self.env: Mapping[str, str] = {}
        self.console = self._new_console()
        self.is_init = spec in (pod.obj["spec"].get("initContainers") or [])

    async def prepare(self, image: Image, log: Log) -> Workload:
        """
        Everything for one more run.

        Raises:
            ConfigError: an object that the container names is missing.
        """
        pod, spec = self._pod, self._spec
        namespace = pod.obj["metadata"]["namespace"]
        find, services = pod.host.find(namespace), pod.host.services(namespace)
        self.env = environment(pod.obj, spec, pod.facts, find, services)
        self._image, self.console = image, self._new_console()
        path = pod.directory / "containers" / f"{spec['name']}-{next(_RUNS)}"
        self._root = Root(path, pod.host.base)
        argv = [expand(word, self.env) for word in arguments(image, spec)]
        return await self._workload(image, argv, log)

    def _new_console(self) -> Console:
        return Console(self._spec, self._pod.host.base.dev / "pts")

    async def _workload(self, image: Image, argv: list[str], log: Log) -> Workload:
        pod = self._pod
        if image.behaviour == "coredns" and pod.host.dns is not None:
            return Coredns(pod.host.dns(), pod.sandbox, log)
        served = builtin(image, argv, has_ports=bool(self._spec.get("ports")))
        if served is not None:
            return Served(served, self._place(argv, log))
        root = await self.root()
        if (
            image.behaviour == "ingress"
        ):  # its own arguments are for the program that nginx replaces
            command = self.command([*image.entrypoint])
            return IngressProcess(pod.sandbox, root, command, log, self.console, pod.host.registry)
        return Process(pod.sandbox, root, self.command(argv), log, self.console)

    def _place(self, argv: list[str], log: Log) -> Place:
        skipped = 2 if self._image and self._image.behaviour == "agnhost" else 1
        return Place(
            sandbox=self._pod.sandbox,
            hostname=hostname(self._pod.obj),
            arguments=argv[skipped:],
            env=self.env,
            ports=self._spec.get("ports") or [],
            print=log.print,
            shell=lambda text: self.output_of(["/bin/sh", "-c", text]),
        )

    def command(self, argv: list[str]) -> Command:
        image = self._image
        directory = self._spec.get("workingDir") or (image.working_dir if image else "/")
        return Command(argv=argv, env=self.env, working_dir=directory)

    async def root(self) -> Root:
        """
        The container's root directory, built when it is first needed.

        Raises:
            ConfigError: a volume or a path in it is missing.
        """
        assert self._root is not None
        async with self._building:
            if not self._root.built:
                self._root.build(self._plan())
                await self._mount_proc(self._root)
        return self._root

    async def _mount_proc(self, root: Root) -> None:
        """The pod's own /proc where it has a pid namespace, else the lab's."""
        if self._pod.sandbox.pid > 0:
            argv = ["mount", "-t", "proc", "proc", str(root.path / "proc")]
            if await self._pod.run_outside(argv) == 0:
                root.proc_mounted()
                return
        root.bind_proc()

    def _plan(self) -> RootPlan:
        image, pod = self._image, self._pod
        assert image is not None
        files = {
            "etc/hostname": hostname(pod.obj) + "\n",
            "etc/hosts": podfiles.hosts(pod.obj, pod.facts.pod_ip),
            "etc/resolv.conf": podfiles.resolv_conf(pod.obj),
        }
        return RootPlan(
            toolset=image.toolset,
            files={**image.files, **files},
            links=image.links,
            mounts=tuple(self._mount(m) for m in self._spec.get("volumeMounts") or []),
        )

    def _mount(self, mount: Obj) -> VolumeMount:
        source = self._pod.volumes.paths.get(mount["name"])
        if source is None:
            raise ConfigError(f'volume "{mount["name"]}" not found')
        below = mount.get("subPath") or expand(mount.get("subPathExpr") or "", self.env)
        volumes = {v["name"]: v for v in self._pod.obj["spec"].get("volumes") or []}
        fixed = any(kind in volumes.get(mount["name"], {}) for kind in READ_ONLY_VOLUMES)
        if below and not (source / below).exists():
            if fixed:
                message = (
                    f'failed to prepare subPath for volumeMount "{mount["name"]}" of container'
                )
                raise ConfigError(f'{message} "{self._spec["name"]}"')
            (source / below).mkdir(parents=True)
        read_only = fixed or bool(mount.get("readOnly"))
        return VolumeMount(source=source / below, at=mount["mountPath"], read_only=read_only)

    async def output_of(self, argv: list[str]) -> tuple[int, bytes]:
        """
        Run a command in the container: its exit code, output and errors in one.

        Raises:
            CannotStart: there is no such program in the image.
        """
        together = asyncio.subprocess.STDOUT
        root = await self.root()
        process = await spawn(self._pod.sandbox, root, self.command(argv), stderr=together)
        try:
            output, _ = await process.communicate()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            raise
        return exit_code(process.returncode or 0), output

    async def hook(self, name: str) -> None:
        """Run `lifecycle.preStop` or `postStart` if the container has one."""
        action = (self._spec.get("lifecycle") or {}).get(name) or {}
        if "sleep" in action:
            await asyncio.sleep(action["sleep"]["seconds"])
        if "exec" in action:
            await self.output_of(action["exec"]["command"])

    def clean(self) -> None:
        """The run is over: nothing of it stays."""
        if self._root is not None and self._root.built:
            send(processes_in(self._root.path), 9)
            with contextlib.suppress(OSError):  # what still holds it dies with the lab
                self._root.remove()
