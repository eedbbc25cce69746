"""One container: pulled, started, probed, stopped and started again."""

from __future__ import annotations

import asyncio
import contextlib
import secrets

from npol.api_rules.objects import Obj
from npol_lab.clock import timestamp
from npol_lab.node import images
from npol_lab.node.container_process import Served, Workload
from npol_lab.node.container_start import Launcher
from npol_lab.node.environment import ConfigError
from npol_lab.node.images import BadImage, Image, Reference
from npol_lab.node.logs import Log
from npol_lab.node.pod_interface import ContainerPod
from npol_lab.node.probe_worker import Prober
from npol_lab.pause_processes import CannotStart

BACKOFF_FIRST = 1.0
"""Seconds before the second restart; then twice as long each time. (Kubernetes: 10.)"""
BACKOFF_MOST = 10.0
PULL_AGAIN = 5.0
"""Seconds between tries to have an image or a ConfigMap that is missing."""


class Container:
    """Its state is what the container status of a pod shows."""

    def __init__(self, pod: ContainerPod, spec: Obj) -> None:
        self.pod = pod
        self.spec = spec
        self.name: str = spec["name"]
        self.state: Obj = {"waiting": {"reason": "PodInitializing"}}
        self.last_state: Obj = {}
        self.restarts = 0
        self.started = False
        self.ready = False
        self.has_started = asyncio.Event()
        self.id = ""
        self.log = Log(clock=pod.host.clock)
        self.previous_log: Log | None = None
        self.launcher = Launcher(pod, spec)
        self._reference: Reference | None = None
        self._workload: Workload | None = None
        self._stopping = asyncio.Event()
        self.run_over = asyncio.Event()
        """Of the run that is going on: another one for each."""
        self._ended = asyncio.Event()

    @property
    def running(self) -> bool:
        return "running" in self.state

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    @property
    def sidecar(self) -> bool:
        return self.spec.get("restartPolicy") == "Always"

    @property
    def ephemeral(self) -> bool:
        """Brought into a running pod to look around; it runs once."""
        return self in self.pod.ephemeral

    def status(self) -> Obj:
        reference = self._reference
        status: Obj = {
            "name": self.name,
            "state": self.state,
            "lastState": self.last_state,
            "ready": self.ready,
            "restartCount": self.restarts,
            "image": str(reference) if reference else self.spec["image"],
            "imageID": reference.id if reference else "",
            "started": self.started,
        }
        return status | ({"containerID": self._runtime_id} if self.id else {})

    @property
    def _runtime_id(self) -> str:
        return f"containerd://{self.id}"

    async def run(self) -> None:
        """Until it has ended and will not be started again."""
        backoff = 0.0
        try:
            while not self.stopping:
                image = await self._pulled()
                if image is None or not await self._once(image):
                    continue
                if self.stopping or not self._wanted_again():
                    return
                if backoff:
                    await self._wait_to_restart(backoff)
                backoff = min(max(backoff * 2, BACKOFF_FIRST), BACKOFF_MOST)
        finally:
            self._ended.set()

    def _wanted_again(self) -> bool:
        policy: str = self.pod.obj["spec"].get("restartPolicy", "Always")
        failed: bool = self.state["terminated"]["exitCode"] != 0
        if self.sidecar or self.ephemeral:
            return self.sidecar
        if self.launcher.is_init:
            return policy != "Never" and failed
        return policy == "Always" or (policy == "OnFailure" and failed)

    async def _wait_to_restart(self, seconds: float) -> None:
        pod = self.pod.obj["metadata"]
        whose = f"{self.name} pod={pod['name']}_{pod['namespace']}({pod['uid']})"
        message = f"back-off {seconds:g}s restarting failed container={whose}"
        self.last_state = self.state
        self._set(waiting={"reason": "CrashLoopBackOff", "message": message})
        text = f"Back-off restarting failed container {self.name} in pod "
        self._warn("BackOff", f"{text}{pod['name']}_{pod['namespace']}({pod['uid']})")
        await self._pause(seconds)

    async def _pause(self, seconds: float) -> None:
        """Sleep; being stopped ends it."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _pulled(self) -> Image | None:
        name = self.spec["image"]
        always = self.spec.get("imagePullPolicy") == "Always"
        try:
            self._reference, image = images.pull(name)
        except BadImage as error:
            await self._wait_for_image(name, error)
            return None
        if always:
            self._tell("Pulling", f'Pulling image "{name}"')
            text = f'Successfully pulled image "{name}" in 1ms (1ms including waiting). '
            self._tell("Pulled", f"{text}Image size: 0 bytes.")
        else:
            self._tell("Pulled", f'Container image "{name}" already present on machine')
        return image

    async def _wait_for_image(self, name: str, error: BadImage) -> None:
        if error.reason == "ErrImagePull":
            self._tell("Pulling", f'Pulling image "{name}"')
            self._warn("Failed", f'Failed to pull image "{name}": {error.message}')
        else:
            self._warn("InspectFailed", error.message)
        self._warn("Failed", f"Error: {error.reason}")
        self._set(waiting={"reason": error.reason, "message": error.message})
        await self._pause(PULL_AGAIN / 2)
        if error.reason == "ErrImagePull" and not self.stopping:
            text = f'Back-off pulling image "{name}"'
            self._tell("BackOff", text)
            self._warn("Failed", "Error: ImagePullBackOff")
            message = f"{text}: ErrImagePull: {error.message}"
            self._set(waiting={"reason": "ImagePullBackOff", "message": message})
            await self._pause(PULL_AGAIN / 2)

    async def _once(self, image: Image) -> bool:
        """One run, to its end; False when it could not even be configured."""
        before, log = self.id, Log(clock=self.pod.host.clock, hide=image.hide)
        try:
            workload = await self.launcher.prepare(image, log)
        except (ConfigError, OSError) as error:
            known = isinstance(error, ConfigError)
            reason = "CreateContainerConfigError" if known else "CreateContainerError"
            self._warn("Failed", f"Error: {error}")
            self._set(waiting={"reason": reason, "message": str(error)})
            await self._pause(PULL_AGAIN)
            return False
        self.id = secrets.token_hex(32)
        if before:
            self.previous_log = self.log
            self.restarts += 1
            self.last_state = self.state if "terminated" in self.state else self.last_state
        self.log = log
        if self.launcher.stands_in:
            text = f'Container {self.name} is a stand-in: the lab does not have "'
            self._tell("StandIn", f'{text}{self.spec["image"]}", nothing of it is run')
        self._tell("Created", f"Created container: {self.name}")
        await self._run_to_end(workload)
        return True

    async def _run_to_end(self, workload: Workload) -> None:
        started = timestamp(self.pod.host.clock())
        try:
            await workload.start()
        except CannotStart as error:
            self._cannot_start(str(error))
            return
        self._workload, self.run_over = workload, asyncio.Event()
        self._tell("Started", f"Started container {self.name}")
        prober = Prober(self)
        self.started = not prober.has_startup
        self.ready = self.started and not prober.has_readiness
        if self.started:
            self.has_started.set()
        self._set(running={"startedAt": started})
        prober.start()
        if self.stopping:
            workload.terminate()
        try:
            code = await workload.wait()
        finally:
            prober.stop()
            self._workload = None
            self.run_over.set()
        self._end(code, started, reason="OOMKilled" if self.launcher.out_of_memory else "")

    def _cannot_start(self, why: str) -> None:
        message = (
            "failed to create containerd task: failed to create shim task: OCI runtime create "
            f"failed: runc create failed: unable to start container process: {why}: unknown"
        )
        self._warn("Failed", f"Error: {message}")
        self._end(128, "1970-01-01T00:00:00Z", reason="StartError", message=message)

    def _end(self, code: int, started: str, *, reason: str = "", message: str = "") -> None:
        self.log.close()
        self.launcher.clean()
        self.started = False
        self.ready = self.launcher.is_init and not self.sidecar and code == 0
        ended: Obj = {
            "exitCode": code,
            "reason": reason or ("Error" if code else "Completed"),
            "startedAt": started,
            "finishedAt": timestamp(self.pod.host.clock()),
            "containerID": self._runtime_id,
        }
        self._set(terminated=ended | ({"message": message} if message else {}))

    def _set(self, **state: Obj) -> None:
        self.state = dict(state)
        self.pod.changed()

    def set_ready(self, ready: bool) -> None:
        if self.running and self.ready != ready:
            self.ready = ready
            self.pod.changed()

    def set_started(self, *, has_readiness: bool) -> None:
        if self.running and not self.started:
            self.started, self.ready = True, not has_readiness
            self.has_started.set()
            self.pod.changed()

    async def follow_services(self) -> None:
        if isinstance(self._workload, Served):
            await self._workload.follow()

    async def restart(self, why: str) -> None:
        """A probe gave up on it: end this run; `run` decides what comes next."""
        self._tell("Killing", f"Container {self.name} {why}")
        await self._end_workload(self.pod.grace)

    async def stop(self, grace: float) -> None:
        """End it for good. It has `grace` seconds to end by itself."""
        if self.running and not self.stopping:
            self._tell("Killing", f"Stopping container {self.name}")
        self._stopping.set()
        await self._end_workload(grace)

    async def ended(self) -> None:
        await self._ended.wait()

    async def _end_workload(self, grace: float) -> None:
        workload, over = self._workload, self.run_over
        if workload is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self.launcher.hook("preStop")
                workload.terminate()
                await over.wait()
        workload.kill()

    def _tell(self, reason: str, message: str) -> None:
        self.pod.recorder.normal(self.pod.obj, reason, message, field=self._field)

    def _warn(self, reason: str, message: str) -> None:
        self.pod.recorder.warning(self.pod.obj, reason, message, field=self._field)

    @property
    def _field(self) -> str:
        kind = "initContainers" if self.launcher.is_init else "containers"
        kind = "ephemeralContainers" if self.ephemeral else kind
        return f"spec.{kind}{{{self.name}}}"
