"""How a container's program is started, and how commands are run beside it."""

from __future__ import annotations

import asyncio
import itertools
import signal
from collections.abc import Callable, Mapping

from npol.api_rules.objects import Obj
from npol_lab.isolation import paths
from npol_lab.isolation.capabilities import granted
from npol_lab.node import podfiles
from npol_lab.node.apps.app import App, Place
from npol_lab.node.apps.stand_in import Finished, StandIn
from npol_lab.node.container_process import Served, Workload, builtin
from npol_lab.node.coredns import Coredns
from npol_lab.node.environment import ConfigError, environment, hostname
from npol_lab.node.expansion import Room, expand
from npol_lab.node.images import Image, arguments
from npol_lab.node.ingress import IngressProcess
from npol_lab.node.limits import limits_of
from npol_lab.node.logs import Log
from npol_lab.node.pod_interface import ContainerPod
from npol_lab.node.process import Console, Process
from npol_lab.node.rootfs import Root, RootPlan, VolumeMount
from npol_lab.node.spawn import Command, send, spawn
from npol_lab.node.stand_ins import Listened, ends_at_once, is_unknown, listened, selects
from npol_lab.node.volumes import Location, leads_out

_RUNS = itertools.count(1)
READ_ONLY_VOLUMES = ("configMap", "secret", "downwardAPI", "projected")


class Launcher:
    """Knows a container's files, variables and command line. One root directory for each run."""

    def __init__(self, pod: ContainerPod, spec: Obj) -> None:
        self._pod = pod
        self._spec = spec
        self._image: Image | None = None
        self._root: Root | None = None
        self._limits = limits_of(spec)
        self._building = asyncio.Lock()
        self.env: Mapping[str, str] = {}
        self.console = self._new_console()
        self.is_init = spec in (pod.obj["spec"].get("initContainers") or [])
        self.stands_in = not pod.host.strict and is_unknown(spec)

    async def prepare(self, image: Image, log: Log) -> Workload:
        """
        Everything for one more run.

        Raises:
            ConfigError: an object that the container names is missing.
            OSError: it is told more than a program may be.
        """
        pod, spec = self._pod, self._spec
        namespace = pod.obj["metadata"]["namespace"]
        find, services = pod.host.find(namespace), pod.host.services(namespace)
        self.env = environment(pod.obj, spec, pod.facts, find, services, lenient=self.stands_in)
        self._image, self.console = image, self._new_console()
        self._root = Root(pod.host.base, pod.sandbox, self._limits)
        room = Room()
        argv = [room.take(expand(word, self.env)) for word in arguments(image, spec)]
        return await self._workload(image, argv, log)

    def _new_console(self) -> Console:
        return Console(self._spec)

    async def _workload(self, image: Image, argv: list[str], log: Log) -> Workload:
        pod = self._pod
        if image.behaviour == "coredns" and pod.host.dns is not None:
            return Coredns(pod.host.dns(), pod.sandbox, log)
        if self.stands_in:
            return Served(self._stand_in(), self._place(argv, log))
        served = builtin(image, argv, has_ports=bool(self._spec.get("ports")))
        if served is not None:
            return Served(served, self._place(argv, log))
        root = await self.root()
        if (
            image.behaviour == "ingress"
        ):  # its own arguments are for the program that nginx replaces
            command = self.command([*image.entrypoint])
            return IngressProcess(root, command, log, self.console, pod.host.registry)
        return Process(root, self.command(argv), log, self.console)

    def _stand_in(self) -> Callable[[Place], App]:
        if ends_at_once(self._pod.obj, self._spec):
            return Finished
        return lambda place: StandIn(place, self._listened)

    def _listened(self) -> list[Listened]:
        pod = self._pod.obj
        services = self._pod.host.registry.store.list("services", pod["metadata"]["namespace"])
        return listened(pod, self._own_spec, (s for s in services if selects(s, pod)))

    @property
    def _own_spec(self) -> Obj:
        """As it stands in the pod's newest version."""
        spec = self._pod.obj["spec"]
        every = [*spec["containers"], *(spec.get("initContainers") or [])]
        return next((c for c in every if c["name"] == self._spec["name"]), self._spec)

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
        return Command(
            argv=argv,
            env=self.env,
            working_dir=directory,
            capabilities=granted(self._spec.get("securityContext") or {}),
            limits=self._limits.by_name,
        )

    async def root(self) -> Root:
        """
        The container's root directory, built when it is first needed.

        Raises:
            ConfigError: a volume or a path in it is missing.
        """
        assert self._root is not None
        async with self._building:
            if not self._root.built:
                name = f"{self._pod.obj['metadata']['uid']}-{self._spec['name']}-{next(_RUNS)}"
                self._root.group = self._pod.host.groups.make(name, self._limits)
                await self._root.build(self._plan())
                self._pod.host.watcher.add(self._root)
        return self._root

    def _plan(self) -> RootPlan:
        image, pod = self._image, self._pod
        assert image is not None
        files = {
            "etc/hostname": hostname(pod.obj) + "\n",
            "etc/hosts": podfiles.hosts(pod.obj, pod.facts.pod_ips),
            "etc/resolv.conf": podfiles.resolv_conf(pod.obj),
        }
        if image.behaviour == "ingress":
            files |= IngressProcess.files(pod.host.registry)
        return RootPlan(
            toolset=image.toolset,
            files={**image.files, **files},
            links=image.links,
            mounts=tuple(self._mount(m) for m in self._spec.get("volumeMounts") or []),
        )

    def _mount(self, mount: Obj) -> VolumeMount:
        place = self._pod.volumes.paths.get(mount["name"])
        if place is None:
            raise ConfigError(f'volume "{mount["name"]}" not found')
        below = mount.get("subPath") or expand(mount.get("subPathExpr") or "", self.env)
        volumes = {v["name"]: v for v in self._pod.obj["spec"].get("volumes") or []}
        fixed = any(kind in volumes.get(mount["name"], {}) for kind in READ_ONLY_VOLUMES)
        if below:
            place = self._below(mount, place, below, fixed)
        return VolumeMount(
            source=str(place.root),
            below=place.below,
            at=mount["mountPath"],
            directory=place.is_directory,
            read_only=fixed or bool(mount.get("readOnly")),
        )

    def _below(self, mount: Obj, place: Location, below: str, fixed: bool) -> Location:
        whose = f'volumeMount "{mount["name"]}" of container "{self._spec["name"]}"'
        refused = ConfigError(f"failed to prepare subPath for {whose}")
        if leads_out(below):
            raise refused
        chosen = Location(root=place.root, below=f"{place.below}/{below}")
        if not paths.exists(chosen.root, chosen.below):
            if fixed:
                raise refused
            chosen.make(self._pod.sandbox.owner)
        return chosen

    async def output_of(self, argv: list[str]) -> tuple[int, bytes]:
        """
        Run a command in the container: its exit code, output and errors in one.

        Raises:
            CannotStart: there is no such program in the image.
        """
        root = await self.root()
        running = await spawn(root, self.command(argv), stderr_apart=False)
        try:
            output, code = await running.communicate()
        except asyncio.CancelledError:
            running.signal(signal.SIGKILL)
            raise
        return code, output

    async def hook(self, name: str) -> None:
        """Run `lifecycle.preStop` or `postStart` if the container has one."""
        action = (self._spec.get("lifecycle") or {}).get(name) or {}
        if "sleep" in action:
            await asyncio.sleep(action["sleep"]["seconds"])
        if "exec" in action and not self.stands_in:
            await self.output_of(action["exec"]["command"])

    @property
    def out_of_memory(self) -> bool:
        """Whether this run's processes were ended because they used too much."""
        return self._root is not None and self._root.out_of_memory

    def clean(self) -> None:
        """The run is over: nothing of it stays."""
        if self._root is not None and self._root.built:
            self._pod.host.watcher.remove(self._root)
            send(self._root.processes(), signal.SIGKILL)
            self._root.remove()
