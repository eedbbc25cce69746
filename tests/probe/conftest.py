"""A prober that runs in a shell of this machine, over pipes instead of a WebSocket."""

import contextlib
import queue
import shutil
import subprocess
import threading

import pytest

from npol.kube.channels import Channel, ExecBroken, ExecFrame, ExecStatus
from npol.model.probe import PodRef
from npol.probe.framing import BOOTSTRAP
from npol.probe.prober import Prober

SHELLS = {"dash": ["dash"], "bash": ["bash"], "busybox": ["busybox", "sh"]}


class LocalStream:
    """What `npol.kube.exec_stream.ExecStream` is to a pod, to a process of this machine."""

    def __init__(self, argv, **options):
        self.status = None
        self._closed = False
        self._frames = queue.Queue()
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            **options,
        )
        self._readers = [
            threading.Thread(target=self._copy, args=(channel, pipe), daemon=True)
            for channel, pipe in [
                (Channel.STDOUT, self._process.stdout),
                (Channel.STDERR, self._process.stderr),
            ]
        ]
        for reader in self._readers:
            reader.start()
        threading.Thread(target=self._end, daemon=True).start()

    @property
    def pid(self):
        return self._process.pid

    def write(self, data):
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except (OSError, ValueError):
            raise ExecBroken("the stream takes nothing more") from None

    def read(self, timeout):
        if self._closed:
            raise ExecBroken("it was closed")
        try:
            frame = self._frames.get(timeout=timeout)
        except queue.Empty:
            return None
        if frame is None:
            raise ExecBroken("it was closed")
        if frame.channel is Channel.ERROR:
            self.status = ExecStatus(exit_code=int(frame.data))
        return frame

    def close(self):
        self._closed = True
        self._frames.put(None)
        self.close_stdin()

    def close_stdin(self):
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def kill(self):
        self._process.kill()

    def wait(self, timeout):
        """The exit code."""
        return self._process.wait(timeout)

    def end(self):
        """Everything is over and closed."""
        self.close()
        try:
            self.wait(10)
        finally:
            self._process.kill()
            for reader in self._readers:
                reader.join(10)

    def _copy(self, channel, pipe):
        while data := pipe.read1(65536):
            self._frames.put(ExecFrame(channel, data))
        pipe.close()

    def _end(self):
        code = self._process.wait()
        for reader in self._readers:
            reader.join()
        self._frames.put(ExecFrame(Channel.ERROR, b"%d" % code))


SOURCE = PodRef(namespace="here", name="source", uid="", ip="127.0.0.1")


@pytest.fixture(params=SHELLS)
def shell(request):
    """Each shell that the prober must run in; the command that starts it."""
    if not shutil.which(SHELLS[request.param][0]):
        pytest.skip(f"no {request.param} on this machine")
    return SHELLS[request.param]


@pytest.fixture
def start_stream():
    """Starts the bootstrap in a shell, as an exec does; ends what it started."""
    started = []

    def start(shell=("sh",), *, prefix=(), **options):
        started.append(LocalStream([*prefix, *shell, "-c", BOOTSTRAP], **options))
        return started[-1]

    yield start
    for stream in started:
        stream.end()


@pytest.fixture
def start_prober(start_stream):
    """Starts probers in local shells, and ends them."""
    started = []

    def start(shell=("sh",), **options):
        started.append(Prober(lambda: start_stream(shell, **options), SOURCE))
        return started[-1]

    yield start
    for prober in started:
        prober.close()
