"""What root in a sandbox tries against the kernel and the machine below it: `hostile.py SETTINGS`, as JSON: gateway, host, world,
neighbour (addresses), port (the gateway's own).

Prints one JSON object a line: the try's group and name, and what came of it: the kernel's error, or what was had. Nothing is
done that would harm a machine on which it succeeds: files are opened for writing and not written, calls that would change
something ask for what is so already, or for nothing.
"""

import ctypes
import errno
import json
import os
import platform
import signal
import socket
import struct
import sys
import time

ASKED = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long

# Numbers that both architectures share from 424 on; the older ones of x86-64.
NUMBERS = {
    "ptrace": 101, "syslog": 103, "personality": 135, "pivot_root": 155, "adjtimex": 159, "acct": 163,
    "settimeofday": 164, "mount": 165, "umount2": 166, "swapon": 167, "swapoff": 168, "reboot": 169,
    "sethostname": 170, "iopl": 172, "init_module": 175, "delete_module": 176, "quotactl": 179,
    "clock_settime": 227, "kexec_load": 246, "add_key": 248, "keyctl": 250, "unshare": 272, "migrate_pages": 256,
    "move_pages": 279, "perf_event_open": 298, "open_by_handle_at": 304, "setns": 308, "process_vm_readv": 310,
    "kcmp": 312, "finit_module": 313, "bpf": 321, "userfaultfd": 323, "clone3": 435, "io_uring_setup": 425,
    "open_tree": 428, "fsopen": 430, "pidfd_open": 434, "pidfd_getfd": 438, "mount_setattr": 442,
    "quotactl_fd": 443,
}  # fmt: skip

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS = 0x20000, 0x2000000, 0x4000000
CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x8000000, 0x10000000, 0x20000000, 0x40000000
AT_FDCWD = -100


class Had(Exception):
    """What a try got, in words, where that is not an error."""


def call(name, *args):
    """A system call: its result, or OSError."""
    held = [each.encode() + b"\0" if isinstance(each, str) else each for each in args]
    if platform.machine() != "x86_64" and NUMBERS[name] < 424:
        raise Had("not tried on this architecture")
    result = libc.syscall(NUMBERS[name], *held)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def opened(path, flags=os.O_WRONLY):
    os.close(os.open(path, flags))
    raise Had("opened")


def in_child(work):
    """Runs a try that would change this process, or end it, in one of its own."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writes, outcome(work).encode())
        os._exit(0)
    os.close(writes)
    said = b""
    while part := os.read(reads, 4096):
        said += part
    os.close(reads)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        raise Had(f"killed by {signal.Signals(os.WTERMSIG(status)).name}")
    raise Had(said.decode())


def outcome(work):
    try:
        work()
        return "done"
    except Had as had:
        return str(had)
    except (socket.timeout, TimeoutError):
        return "no answer"
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))


tries = []


def attempt(group, name):
    def note(work):
        tries.append((group, name, work))
        return work

    return note


def syscall_try(group, name, *args):
    tries.append((group, name, lambda: call(*args)))


def write_try(group, path):
    tries.append((group, f"writing to {path}", lambda: opened(path)))


def read_try(group, path):
    def work():
        with open(path, "rb") as file:
            part = file.read(64)
        raise Had("empty" if not part else "read")

    tries.append((group, f"reading {path}", work))


# ---------------------------------------------------------------- its own network

NET = "network"


def interface(number, request):
    each = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    import fcntl

    fcntl.ioctl(each, number, request)


def address_request(address, port=0):
    return struct.pack("16sHH4s8x", b"eth0", socket.AF_INET, port, socket.inet_aton(address))


for family, kind, protocol, name in [
    (socket.AF_INET, socket.SOCK_RAW, 1, "raw IPv4 socket"),
    (socket.AF_INET, socket.SOCK_RAW, 255, "raw IPv4 socket with its own headers (spoofing)"),
    (socket.AF_INET6, socket.SOCK_RAW, 58, "raw IPv6 socket (router advertisements, neighbour discovery)"),
    (17, socket.SOCK_RAW, 0x0300, "packet socket (ARP, any frame)"),
    (17, socket.SOCK_DGRAM, 0x0300, "packet socket without headers (sniffing)"),
]:
    tries.append((NET, name, lambda f=family, k=kind, p=protocol: socket.socket(f, k, p).close()))

tries += [
    (NET, "another address for eth0", lambda: interface(0x8916, address_request(ASKED["neighbour"]))),
    (NET, "another hardware address for eth0", lambda: interface(0x8924, struct.pack("16sH6s8x", b"eth0", 1, b"\x52\x54\0\1\2\3"))),
    (NET, "eth0 promiscuous", lambda: interface(0x8914, struct.pack("16sH14x", b"eth0", 0x1 | 0x40 | 0x100))),
    (NET, "a larger MTU", lambda: interface(0x8922, struct.pack("16si12x", b"eth0", 9000))),
    (NET, "an ARP entry of its own for the host", lambda: interface(0x8955, struct.pack("H2x4s8x", 2, socket.inet_aton(ASKED["gateway"])) + struct.pack("H14s", 1, b"\x52\x54\0\1\2\3") + struct.pack("i16s16s", 4, b"", b"eth0"))),
]  # fmt: skip


def netlink(kind, flags, body):
    each = socket.socket(16, socket.SOCK_RAW, 0)
    each.settimeout(2)
    each.send(struct.pack("IHHII", 16 + len(body), kind, flags | 0x5, 1, 0) + body)
    answer = each.recv(4096)
    code = -struct.unpack("i", answer[16:20])[0]
    if code:
        raise OSError(code, os.strerror(code))


@attempt(NET, "a route of its own")
def _():
    target = struct.pack("HH4s", 8, 1, socket.inet_aton("203.0.113.0"))
    way = struct.pack("HH4s", 8, 5, socket.inet_aton(ASKED["gateway"]))
    netlink(24, 0x600, struct.pack("BBBBBBBBI", 2, 24, 0, 0, 254, 3, 0, 1, 0) + target + way)


@attempt(NET, "a tunnel or bridge of its own (new link)")
def _():
    kind = struct.pack("HH8s", 10, 1, b"dummy\0\0\0")
    netlink(16, 0x600, struct.pack("BxHiII", 0, 0, 0, 0, 0) + struct.pack("HH", 4 + len(kind), 18) + kind)


@attempt(NET, "rules of its own (netfilter)")
def _():
    each = socket.socket(16, socket.SOCK_RAW, 12)
    each.settimeout(2)
    # NFT_MSG_GETGEN asks for nothing but the right to ask.
    each.send(struct.pack("IHHII", 20, 0x0A10, 0x5, 1, 0) + struct.pack("BBH", 2, 0, 0))
    answer = each.recv(4096)
    if struct.unpack("H", answer[4:6])[0] == 2:
        code = -struct.unpack("i", answer[16:20])[0]
        raise OSError(code, os.strerror(code))


@attempt(NET, "loose source route by IP options")
def _():
    each = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    route = socket.inet_aton(ASKED["gateway"]) + socket.inet_aton(ASKED["world"])
    each.setsockopt(0, 4, bytes([131, 3 + len(route), 4]) + route + b"\0")
    each.sendto(b"source routed", (ASKED["gateway"], 2222))
    each.settimeout(1)
    each.recv(100)


@attempt(NET, "a foreign source address (IP_TRANSPARENT)")
def _():
    each = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    each.setsockopt(0, 19, 1)


@attempt(NET, "a foreign source address (IP_FREEBIND)")
def _():
    each = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    each.setsockopt(0, 15, 1)
    each.bind((ASKED["neighbour"], 4444))
    each.settimeout(1)
    each.sendto(b"as another", (ASKED["world"], 2222))
    each.recv(100)


@attempt(NET, "a mark on its packets (SO_MARK)")
def _():
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).setsockopt(socket.SOL_SOCKET, 36, 1)


def talk(kind, address, port, payload=b"hostile"):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    each = socket.socket(family, kind, 1 if kind == socket.SOCK_DGRAM and port == 0 else 0)
    each.settimeout(1)
    each.connect((address, port))
    each.send(struct.pack("!BBHHH", 8, 0, 0, 1, 1) + payload if port == 0 else payload)
    raise Had(f"answered {each.recv(200)[:40]!r}")


TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM
QUESTION = b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + b"\x20" + b"a" * 32 + b"\3tun\7example\0" + b"\0\x10\0\1"
tries += [
    (NET, "TCP to the Internet, port 443", lambda: talk(TCP, ASKED["world"], 443)),
    (NET, "TCP to the Internet, port 25", lambda: talk(TCP, ASKED["world"], 25)),
    (NET, "UDP to the Internet", lambda: talk(UDP, ASKED["world"], 2222)),
    (NET, "UDP to the Internet in fragments", lambda: talk(UDP, ASKED["world"], 2222, b"f" * 4000)),
    (NET, "ping to the Internet", lambda: talk(UDP, ASKED["world"], 0)),
    (NET, "IPv6 to the Internet", lambda: talk(TCP, "2001:db8::1", 80)),
    (NET, "metadata of the cloud", lambda: talk(TCP, "169.254.169.254", 80)),
    (NET, "metadata of the cloud by IPv6", lambda: talk(TCP, "fd00:ec2::254", 80)),
    (NET, "a private network behind the host", lambda: talk(TCP, "192.168.7.7", 80)),
    (NET, "DNS tunnel by a resolver of the Internet", lambda: talk(UDP, ASKED["world"], 53, QUESTION)),
    (NET, "DNS tunnel by the host", lambda: talk(UDP, ASKED["gateway"], 53, QUESTION)),
    (NET, "the gateway's own port, at the host's address", lambda: talk(TCP, ASKED["host"], ASKED["port"])),
    (NET, "the gateway's own port, at the bridge", lambda: talk(TCP, ASKED["gateway"], ASKED["port"])),
    (NET, "another sandbox's SSH", lambda: talk(TCP, ASKED["neighbour"], 22)),
    (NET, "another sandbox by ping", lambda: talk(UDP, ASKED["neighbour"], 0)),
    (NET, "broadcast to the bridge", lambda: broadcast()),
]  # fmt: skip


def broadcast():
    each = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    each.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    each.settimeout(1)
    each.sendto(b"to all", ("255.255.255.255", 2222))
    each.recv(100)


@attempt(NET, "DNS tunnel by the engine's name server (127.0.0.11)")
def _():
    each = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    each.settimeout(6)
    each.connect(("127.0.0.11", 53))
    each.send(QUESTION)
    answer = each.recv(512)
    raise Had({0: "answered", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}.get(answer[3] & 15, "an error"))


@attempt(NET, "every port from 1 to 1100 of the host's bridge address, and those of engines and agents")
def _():
    ports = [*range(1, 1101), 2222, 2375, 2376, 2377, 3000, 4243, 5000, 6443, 8000, 8080, 9090, 10250, 10255]
    reached = []
    for start in range(0, len(ports), 300):
        waiting = {}
        for port in ports[start : start + 300]:
            each = socket.socket()
            each.setblocking(False)
            each.connect_ex((ASKED["gateway"], port))
            waiting[each] = port
        time.sleep(0.5)
        for each, port in waiting.items():
            try:
                each.getpeername()
                reached.append(port)
            except OSError:
                pass
            each.close()
    raise Had(f"reached {reached}" if reached else "none reached")


@attempt(NET, "the gateway's abstract sockets")
def _():
    each = socket.socket(socket.AF_UNIX)
    each.connect("\0mitsubako-slot-0")


@attempt(NET, "abstract sockets of the engine (CVE-2020-15257)")
def _():
    with open("/proc/net/unix") as file:
        foreign = [line for line in file if "@" in line and ("containerd" in line or "docker" in line)]
    raise Had(f"{len(foreign)} seen" if foreign else "none seen")


FAMILIES = {
    "hypervisor (AF_VSOCK)": (40, 1, 0), "kernel's ciphers (AF_ALG)": (38, 5, 0), "Bluetooth": (31, 3, 1),
    "CAN bus": (29, 3, 1), "TIPC": (30, 1, 0), "RDS": (21, 5, 0), "XDP": (44, 3, 0), "KCM": (41, 2, 0),
    "SMC": (43, 1, 0), "QIPCRTR": (42, 2, 0), "X.25": (9, 5, 0), "AX.25": (3, 5, 0), "LLC": (26, 1, 0),
    "key management (AF_KEY)": (15, 3, 2), "NFC": (39, 5, 0), "IEEE 802.15.4": (36, 2, 0), "SCTP": (2, 1, 132),
    "DCCP": (2, 6, 33),
}  # fmt: skip
for name, each in FAMILIES.items():
    tries.append((NET, f"a socket of another family: {name}", lambda e=each: socket.socket(*e).close()))



def socket32(number, *args):
    """Opens a socket as 32-bit programs do, by interrupt 0x80: another table of calls, and for filters another architecture."""
    if platform.machine() != "x86_64":
        raise OSError(errno.ENOSYS, "another architecture")
    libc.mmap.restype = ctypes.c_void_p
    # To be read, written and run; private, anonymous, below 4 GiB.
    page = libc.mmap(None, 4096, 7, 0x2 | 0x20 | 0x40, -1, 0)
    block = page + 512
    ctypes.memmove(block, struct.pack("III", *args), 12)
    first, second, third = (1, block, 0) if number == SOCKETCALL else args
    # push rbx; mov eax, number; mov ebx, first; mov ecx, second; mov edx, third; int 0x80; pop rbx; ret
    code = struct.pack("<BBIBIBIBI4B", 0x53, 0xB8, number, 0xBB, first, 0xB9, second, 0xBA, third, 0xCD, 0x80, 0x5B, 0xC3)
    ctypes.memmove(page, code, len(code))
    result = ctypes.CFUNCTYPE(ctypes.c_int)(page)()
    if result < 0:
        raise OSError(-result, os.strerror(-result))
    os.close(result)


SOCKET, SOCKETCALL = 359, 102
tries += [
    (NET, "the hypervisor by a 32-bit program's call", lambda: in_child(lambda: socket32(SOCKET, 40, 1, 0))),
    (NET, "the hypervisor by an old 32-bit program's call", lambda: in_child(lambda: socket32(SOCKETCALL, 40, 1, 0))),
]

# ---------------------------------------------------------------- the engine and the host's files

HOST = "host"
for path in ["/var/run/docker.sock", "/run/containerd/containerd.sock", "/run/docker.sock", "/run/podman/podman.sock"]:
    tries.append((HOST, f"the engine's socket at {path}", lambda p=path: os.stat(p)))


@attempt(HOST, "disks and memory of the host in /dev")
def _():
    usual = {"console", "core", "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom", "zero"}  # fmt: skip
    # Where the sandbox's own processes log.
    if os.path.islink("/dev/log") and os.readlink("/dev/log").startswith("/run/systemd/journal/"):
        usual.add("log")
    more = sorted(set(os.listdir("/dev")) - usual)
    raise Had(f"has {more}" if more else "none there")


@attempt(HOST, "a disk of the host by mknod")
def _():
    os.mknod("/var/tmp/disk", 0o60600, os.makedev(254, 0))


@attempt(HOST, "the host's memory by mknod")
def _():
    os.mknod("/var/tmp/mem", 0o20600, os.makedev(1, 1))


@attempt(HOST, "descriptors and folders of the host left open (CVE-2024-21626)")
def _():
    found = []
    for process in ("1", "self"):
        for name in os.listdir(f"/proc/{process}/fd"):
            try:
                target = os.readlink(f"/proc/{process}/fd/{name}")
            except OSError:
                continue
            if target.startswith("/") and not target.startswith(("/dev/", "/proc/", "/var/tmp", "/tmp", "/run", "/var/log")):
                found.append(target)
        os.stat(os.readlink(f"/proc/{process}/cwd"))
    raise Had(f"has {found}" if found else "none there")


@attempt(HOST, "out of a chroot of its own, by its parent folders")
def _():
    def work():
        before = os.stat("/")
        os.makedirs("/var/tmp/cell/inner", exist_ok=True)
        outside = os.open("/", os.O_RDONLY)
        os.chroot("/var/tmp/cell/inner")
        os.fchdir(outside)
        for _ in range(100):
            os.chdir("..")
        os.chroot(".")
        after = os.stat("/")
        same = (before.st_dev, before.st_ino) == (after.st_dev, after.st_ino)
        raise Had("back in its own root" if same else "elsewhere")

    in_child(work)


@attempt(HOST, "a file of the host by its handle (open_by_handle_at)")
def _():
    handle = struct.pack("IiQ", 8, 1, 2)
    mounted = os.open("/", os.O_RDONLY)
    call("open_by_handle_at", mounted, handle, os.O_RDONLY)


# ---------------------------------------------------------------- mounts

MOUNT = "mounts"
os.makedirs("/var/tmp/point", exist_ok=True)
for kind in ["proc", "sysfs", "cgroup", "cgroup2", "tmpfs", "devtmpfs", "debugfs", "securityfs", "bpf", "ext4", "fuse"]:
    syscall_try(MOUNT, f"mount {kind}", "mount", kind, "/var/tmp/point", kind, 0, "none,name=x" if kind == "cgroup" else "")
syscall_try(MOUNT, "mount overlay", "mount", "overlay", "/var/tmp/point", "overlay", 0, "lowerdir=/etc:/usr")
syscall_try(MOUNT, "mount a folder elsewhere (bind)", "mount", "/etc", "/var/tmp/point", "", 4096, "")
syscall_try(MOUNT, "make /proc/sys writable (remount)", "mount", "", "/proc/sys", "", 32 | 4096, "")
syscall_try(MOUNT, "share mounts with the host (propagation)", "mount", "", "/", "", 1 << 20 | 16384, "")
syscall_try(MOUNT, "take the cover off /proc/kcore (umount)", "umount2", "/proc/kcore", 2)
syscall_try(MOUNT, "pivot_root", "pivot_root", "/var/tmp/point", "/var/tmp/point")
syscall_try(MOUNT, "new mount calls: fsopen", "fsopen", "tmpfs", 0)
syscall_try(MOUNT, "new mount calls: open_tree", "open_tree", AT_FDCWD, "/etc", 1)
syscall_try(MOUNT, "new mount calls: mount_setattr", "mount_setattr", AT_FDCWD, "/", 0, bytes(32), 32)
syscall_try(MOUNT, "swapon", "swapon", "/var/tmp/none", 0)
syscall_try(MOUNT, "swapoff", "swapoff", "/var/tmp/none")
syscall_try(MOUNT, "quotas", "quotactl", 0x80000100, "/dev/vda", 0, bytes(64))
syscall_try(MOUNT, "process accounting", "acct", "/var/tmp/none")

# ---------------------------------------------------------------- /proc and /sys

FILES = "/proc and /sys"
for path in [
    "/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/sysrq", "/proc/sys/kernel/panic", "/proc/sys/kernel/yama/ptrace_scope",
    "/proc/sys/kernel/unprivileged_userns_clone", "/proc/sys/vm/drop_caches", "/proc/sys/vm/overcommit_memory",
    "/proc/sys/fs/file-max", "/proc/sys/fs/binfmt_misc/register", "/proc/sys/net/ipv4/ip_forward",
    "/proc/sys/net/ipv6/conf/all/disable_ipv6", "/proc/irq/default_smp_affinity", "/proc/kcore",
    "/proc/mtrr", "/proc/acpi/wakeup", "/sys/kernel/uevent_helper", "/sys/kernel/mm/transparent_hugepage/enabled",
    "/sys/power/state", "/sys/fs/cgroup/release_agent", "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    "/sys/fs/cgroup/devices/devices.allow", "/sys/fs/cgroup/pids/notify_on_release", "/sys/fs/cgroup/cgroup.procs",
    "/sys/class/net/eth0/mtu", "/sys/block/vda/queue/scheduler", "/sys/module/kernel/parameters/panic",
]:  # fmt: skip
    write_try(FILES, path)
for path in ["/proc/kcore", "/proc/kmsg", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/proc/latency_stats",
             "/dev/mem", "/sys/firmware/dmi/tables/DMI", "/sys/kernel/debug/tracing/trace"]:  # fmt: skip
    read_try(FILES, path)


@attempt(FILES, "addresses of the kernel in /proc/kallsyms")
def _():
    with open("/proc/kallsyms") as file:
        raise Had("all zero" if int(file.readline().split()[0], 16) == 0 else "shown")


@attempt(FILES, "addresses of memory in /proc/iomem")
def _():
    with open("/proc/iomem") as file:
        raise Had("all zero" if all(line.lstrip().startswith("00000000-00000000") for line in file) else "shown")


@attempt(FILES, "never to be killed for memory (oom_score_adj -1000)")
def _():
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("-1000")


@attempt(FILES, "core dumps that a program of the host handles")
def _():
    import resource

    with open("/proc/sys/kernel/core_pattern") as file:
        pattern = file.read().strip()
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    raise Had("none is made" if hard == 0 or not pattern.startswith("|") else f"{pattern} is run")


# ---------------------------------------------------------------- the kernel

KERNEL = "kernel"
syscall_try(KERNEL, "load a module", "init_module", bytes(8), 8, "")
syscall_try(KERNEL, "load a module from a file", "finit_module", 0, "", 0)
syscall_try(KERNEL, "remove a module", "delete_module", "none", 0)
syscall_try(KERNEL, "another kernel (kexec)", "kexec_load", 0, 0, 0, 0)
syscall_try(KERNEL, "reboot (Ctrl-Alt-Del off)", "reboot", 0xFEE1DEAD, 672274793, 0, 0)
syscall_try(KERNEL, "the kernel's log", "syslog", 10, 0, 0)
syscall_try(KERNEL, "direct hardware access (iopl)", "iopl", 3)
syscall_try(KERNEL, "BPF map", "bpf", 0, struct.pack("IIIII", 2, 4, 4, 1, 0) + bytes(52), 72)
syscall_try(KERNEL, "BPF program", "bpf", 5, struct.pack("II", 1, 2) + bytes(64), 72)
syscall_try(KERNEL, "performance counters", "perf_event_open", struct.pack("II", 1, 112) + bytes(104), 0, -1, -1, 0)
syscall_try(KERNEL, "page faults in user space (userfaultfd)", "userfaultfd", 1)
syscall_try(KERNEL, "io_uring", "io_uring_setup", 1, bytes(120))
syscall_try(KERNEL, "a key in the kernel's keyring", "add_key", "user", "mitsubako", b"x", 1, -3)
syscall_try(KERNEL, "keyrings of others", "keyctl", 0, -3, 0)
syscall_try(KERNEL, "move another process's pages", "move_pages", 1, 0, 0, 0, 0, 0)
syscall_try(KERNEL, "compare processes' kernel objects", "kcmp", 1, 1, 0, 0, 0)


@attempt(KERNEL, "set the clock (to what it is)")
def _():
    call("clock_settime", 0, struct.pack("qq", int(time.time()), 0))


@attempt(KERNEL, "turn the clock (adjtimex)")
def _():
    call("adjtimex", struct.pack("Ixxxxq", 2, 0) + bytes(192))


@attempt(KERNEL, "the host name")
def _():
    call("sethostname", "elsewhere", 9)


@attempt(KERNEL, "real-time scheduling")
def _():
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


@attempt(KERNEL, "a higher priority than others (nice -10)")
def _():
    os.nice(-10)


@attempt(KERNEL, "more open files than it may have")
def _():
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard + 1, hard + 1))
    except ValueError:
        raise OSError(errno.EPERM, "not allowed") from None


# ---------------------------------------------------------------- other processes, namespaces, containers in it

SPACES = "processes and namespaces"
for flag, name in [
    (CLONE_NEWUSER, "user"), (CLONE_NEWNET, "network"), (CLONE_NEWNS, "mount"), (CLONE_NEWPID, "process"),
    (CLONE_NEWIPC, "IPC"), (CLONE_NEWUTS, "name"), (CLONE_NEWCGROUP, "control group"),
    (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET, "all of a nested container's, as a user's"),
    (CLONE_NEWUSER | CLONE_NEWCGROUP, "user and control group, for release_agent (CVE-2022-0492)"),
]:  # fmt: skip
    tries.append((SPACES, f"new namespace: {name}", lambda f=flag: in_child(lambda: call("unshare", f))))
for name in ["net", "mnt", "pid", "user"]:

    def enter(name=name):
        descriptor = os.open(f"/proc/1/ns/{name}", os.O_RDONLY)
        in_child(lambda: call("setns", descriptor, 0))

    tries.append((SPACES, f"setns to its init's {name}", enter))
syscall_try(SPACES, "new process in a namespace by clone3", "clone3", struct.pack("Q", CLONE_NEWUSER) + bytes(80), 88)


@attempt(SPACES, "processes of the host, or of others")
def _():
    names = set()
    for each in os.listdir("/proc"):
        if each.isdigit():
            try:
                names.add(open(f"/proc/{each}/comm").read().strip())
            except OSError:
                pass
    foreign = names & {"dockerd", "containerd", "node", "runc", "kthreadd", "containerd-shim"}
    raise Had(f"sees {sorted(foreign)}" if foreign else "none seen")


@attempt(SPACES, "a signal to every process that it can name")
def _():
    def work():
        # 0 is no signal: the kernel only looks. What can be named is what its namespace holds.
        counted = sum(1 for pid in range(1, 32768) if outcome(lambda p=pid: os.kill(p, 0)) == "done")
        shown = sum(1 for each in os.listdir("/proc") if each.isdigit())
        # Threads can be named as well; a few processes begin and end meanwhile.
        raise Had("its own alone" if counted <= 4 * shown else f"{counted} processes")

    in_child(work)


@attempt(SPACES, "trace its own init")
def _():
    call("ptrace", 16, 1, 0, 0)
    # It has to have stopped before it can be let go; __WALL, as it is no child.
    os.waitpid(1, 0x40000000)
    call("ptrace", 17, 1, 0, 0)


@attempt(SPACES, "files of its init, by another's descriptor (pidfd_getfd)")
def _():
    descriptor = call("pidfd_open", 1, 0)
    call("pidfd_getfd", descriptor, 0, 0)


@attempt(SPACES, "who root is outside")
def _():
    with open("/proc/self/uid_map") as file:
        inside, outside, _ = (int(each) for each in file.readline().split())
    raise Had("nobody" if inside == 0 and outside >= 65536 else f"uid {outside}")


def status(field):
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith(field + ":"):
                return line.split()[1]
    return "?"


@attempt(SPACES, "capabilities over its namespace")
def _():
    names = {
        0: "CHOWN", 1: "DAC_OVERRIDE", 2: "DAC_READ_SEARCH", 3: "FOWNER", 4: "FSETID", 5: "KILL", 6: "SETGID", 7: "SETUID",
        8: "SETPCAP", 10: "NET_BIND_SERVICE", 12: "NET_ADMIN", 13: "NET_RAW", 16: "SYS_MODULE", 17: "SYS_RAWIO",
        18: "SYS_CHROOT", 19: "SYS_PTRACE", 21: "SYS_ADMIN", 22: "SYS_BOOT", 25: "SYS_TIME", 27: "MKNOD",
        29: "AUDIT_WRITE", 31: "SETFCAP",
    }  # fmt: skip
    held = int(status("CapBnd"), 16)
    raise Had(" ".join(names.get(each, str(each)) for each in range(64) if held >> each & 1))


@attempt(SPACES, "system calls unfiltered")
def _():
    raise Had("filtered" if status("Seccomp") == "2" else "unfiltered")


for group, name, work in tries:
    print(json.dumps({"group": group, "name": name, "result": outcome(work)}), flush=True)
for left in ("/var/tmp/disk", "/var/tmp/mem"):
    if os.path.exists(left):
        os.unlink(left)
