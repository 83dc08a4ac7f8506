"""The first thing that a sandboxed child runs: it gives up its rights, then runs its module.

Started as a file by `sandbox.run`, with only the standard library, before anything else is imported
and before there are threads. What was given up cannot be taken back (prctl(2), landlock(7),
seccomp(2)).
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import runpy
import signal
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

# Whether this very process has given up its rights. Nothing from outside can say so.
confined = False

# Exit codes that sandbox.run understands. At the first two, the last line on stderr is an error as
# JSON: one for people, or any other.
SENTENCE, FAILED, OUT_OF_MEMORY, UNCONFINED = 3, 1, 4, 5

# linux/landlock.h
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
ABI_QUERY = 1
PATH_BENEATH = 1
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
ALL_OF_ABI_1 = (1 << 13) - 1
ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
READ = READ_FILE | READ_DIR
BIND_TCP, CONNECT_TCP = 1, 2
SCOPE_ABSTRACT_SOCKETS, SCOPE_SIGNALS = 1, 2

# linux/prctl.h
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
# linux/seccomp.h, linux/audit.h, linux/filter.h
SECCOMP_SET_MODE_FILTER = 1
ALLOW, KILL = 0x7FFF0000, 0x80000000
REFUSE, PRETEND_MISSING = 0x00050000 | 1, 0x00050000 | 38  # EPERM, ENOSYS
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
# The lower half of seccomp_data.args[0]
FIRST_ARGUMENT = 16
CLONE_THREAD = 0x00010000
X32_BIT = 0x40000000


class _Machine(NamedTuple):
    """A processor's name in audit.h, and its system calls.

    Those `on_itself` take a process first, and are let through for the caller alone (0).
    """

    audit: int
    seccomp: int
    capset: int
    clone: int
    clone3: int
    tgkill: int
    setpriority: int
    on_itself: tuple[int, ...]
    refused: tuple[int, ...]
    missing: tuple[int, ...]


MACHINES = {
    "x86_64": _Machine(
        audit=0xC000003E,
        seccomp=317,
        capset=126,
        clone=56,
        clone3=435,
        tgkill=234,
        setpriority=141,
        on_itself=(302, 203),  # prlimit64, sched_setaffinity
        refused=(
            41, 53,  # socket, socketpair
            57, 58, 59, 322,  # fork, vfork, execve, execveat
            62, 200, 424,  # kill, tkill, pidfd_send_signal
            129, 297,  # rt_sigqueueinfo, rt_tgsigqueueinfo
            142, 144, 314, 251,  # sched_setparam, …setscheduler, …setattr, ioprio_set
            256, 279, 440, 448, 312,  # migrate_pages, move_pages, process_madvise, …mrelease, kcmp
            29, 68,  # shmget, msgget
            101, 310, 311,  # ptrace, process_vm_readv, process_vm_writev
            165, 155, 161, 272, 308,  # mount, pivot_root, chroot, unshare, setns
            248, 249, 250,  # add_key, request_key, keyctl
            298, 321, 323, 425,  # perf_event_open, bpf, userfaultfd, io_uring_setup
            434, 438, 447,  # pidfd_open, pidfd_getfd, memfd_secret
        ),
        missing=(319,),  # memfd_create
    ),
    "aarch64": _Machine(
        audit=0xC00000B7,
        seccomp=277,
        capset=91,
        clone=220,
        clone3=435,
        tgkill=131,
        setpriority=140,
        on_itself=(261, 122),  # prlimit64, sched_setaffinity
        refused=(
            198, 199,  # socket, socketpair
            221, 281,  # execve, execveat
            129, 130, 424,  # kill, tkill, pidfd_send_signal
            138, 240,  # rt_sigqueueinfo, rt_tgsigqueueinfo
            118, 119, 274, 30,  # sched_setparam, …setscheduler, …setattr, ioprio_set
            238, 239, 440, 448, 272,  # migrate_pages, move_pages, process_madvise, …mrelease, kcmp
            194, 186,  # shmget, msgget
            117, 270, 271,  # ptrace, process_vm_readv, process_vm_writev
            40, 41, 51, 97, 268,  # mount, pivot_root, chroot, unshare, setns
            217, 218, 219,  # add_key, request_key, keyctl
            241, 280, 282, 425,  # perf_event_open, bpf, userfaultfd, io_uring_setup
            434, 438, 447,  # pidfd_open, pidfd_getfd, memfd_secret
        ),
        missing=(279,),  # memfd_create
    ),
}  # fmt: skip


def main() -> None:
    """Confine this process as the JSON in the first argument says, then run its module."""
    global confined
    job = json.loads(sys.argv[1])
    try:
        confine(job)
    except OSError as error:
        print(f"{error}", file=sys.stderr)
        sys.exit(UNCONFINED)
    confined = True
    # Whoever imports this file in this process gets this very module, which knows it.
    sys.modules[job["imported_as"]] = sys.modules[__name__]
    sys.path[:] = job["path"]
    sys.argv = [job["module"], *job["arguments"]]
    try:
        runpy.run_module(job["module"], run_name="__main__", alter_sys=True)
    except MemoryError:
        _leave(OUT_OF_MEMORY)
    except Exception as error:
        # By its name, because the package is imported after the limits are in place.
        ours = any(base.__name__ == "DeepfakeError" for base in type(error).__mro__)
        path = getattr(error, "path" if ours else "filename", "")
        kind = type(error).__name__
        sentence = str(error) if ours else f"{kind}: {error}"
        said = {"kind": kind, "sentence": sentence, "path": str(path or "")}
        # On a line of its own, whatever native code has said before.
        print(f"\n{json.dumps(said)}", file=sys.stderr)
        _leave(SENTENCE if ours else FAILED)


def _leave(code: int) -> None:
    """Exit at once: threads of TensorFlow may hold the usual exit up when memory is gone."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def confine(job: dict[str, Any]) -> None:
    """Give up all rights but those of the job, as far as this system allows.

    Raises:
        OSError: the kernel has a protection and refused to apply it.
    """
    _limit_resources(job)
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    machine = MACHINES.get(platform.machine())
    _call(libc, "prctl", PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != job["parent"]:
        # The parent went before the line above could take note of it.
        sys.exit(UNCONFINED)
    _call(libc, "prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if landlock_abi() >= 1:
        _restrict_files(libc, job)
    if machine is not None:
        _drop_capabilities(libc, machine)
        if has_seccomp():
            _filter_calls(libc, machine)


def landlock_abi() -> int:
    """Version of Landlock in this kernel; 0 where there is none."""
    if not sys.platform.startswith("linux"):
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    return max(0, int(libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ABI_QUERY)))


def has_seccomp() -> bool:
    """Whether this kernel can filter system calls, and we know its numbers."""
    return platform.machine() in MACHINES and Path("/proc/sys/kernel/seccomp").is_dir()


def _limit_resources(job: dict[str, Any]) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    memory, seconds = int(job["memory"]), job["seconds"]
    limits = {
        "RLIMIT_CORE": 0,
        # What it writes to; RLIMIT_AS would also count what TensorFlow reserves and never uses.
        "RLIMIT_DATA": memory,
        "RLIMIT_AS": memory + (64 << 30),
        "RLIMIT_FSIZE": memory,
        "RLIMIT_NOFILE": 512,
        "RLIMIT_MSGQUEUE": 0,
    }
    if seconds is not None:
        limits["RLIMIT_CPU"] = seconds * (os.cpu_count() or 1) + 1
    for name, value in limits.items():
        kind = getattr(resource, name, None)
        if kind is None:
            continue
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        try:
            resource.setrlimit(kind, (value, value))
        except (ValueError, OSError):
            # macOS refuses some of them; restrictions() says what holds where.
            if sys.platform.startswith("linux"):
                raise


def _restrict_files(libc: Any, job: dict[str, Any]) -> None:
    """Landlock: read what is needed to run Python and what the job names, write its folders."""
    abi = landlock_abi()
    handled = ALL_OF_ABI_1
    handled |= REFER if abi >= 2 else 0
    handled |= TRUNCATE if abi >= 3 else 0
    handled |= IOCTL_DEV if abi >= 5 else 0
    network = BIND_TCP | CONNECT_TCP if abi >= 4 else 0
    scoped = SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS if abi >= 6 else 0
    # struct landlock_ruleset_attr, as long as this kernel knows it
    attributes = struct.pack("QQQ", handled, network, scoped)
    attributes = attributes[: 8 if abi < 4 else 16 if abi < 6 else 24]
    ruleset = _syscall(libc, CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    rules = (
        (job["list"], READ_DIR),
        (job["read"], READ),
        (("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"), READ_FILE | WRITE_FILE),
        ((f"/proc/{os.getpid()}",), READ),
        (job["write"], handled & ~EXECUTE),
    )
    for paths, access in rules:
        _allow(libc, ruleset, paths, access & handled)
    _syscall(libc, RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _allow(libc: Any, ruleset: int, paths: Sequence[str], access: int) -> None:
    for path in paths:
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue  # such as /proc/meminfo in a container without it
        try:
            allowed = access if Path(path).is_dir() else access & ON_FILES
            # struct landlock_path_beneath_attr is packed: a 64-bit and a 32-bit number.
            rule = struct.pack("=Qi", allowed, place)
            if allowed:
                _syscall(libc, ADD_RULE, ruleset, PATH_BENEATH, rule, 0)
        finally:
            os.close(place)


def _drop_capabilities(libc: Any, machine: _Machine) -> None:
    """Root in a container is then as any user: it cannot lift its limits."""
    # struct __user_cap_header_struct of version 3 for this process; twice three empty sets
    _syscall(libc, machine.capset, struct.pack("Ii", 0x20080522, 0), bytes(24))


def _filter_calls(libc: Any, machine: _Machine) -> None:
    """seccomp: no sockets, no further processes, no programs, no signals to others, no tracing."""
    program = [
        _step(LOAD, 4),  # seccomp_data.arch
        _step(EQUAL, machine.audit, 1, 0),
        _step(RETURN, KILL),
        _step(LOAD, 0),  # seccomp_data.nr
        # Calls of the x32 kind have the same numbers with a bit more.
        _step(AT_LEAST, X32_BIT, 0, 1),
        _step(RETURN, REFUSE),
        # Without clone3, glibc makes threads with clone, whose flags can be looked at.
        *(
            step
            for number in (*machine.missing, machine.clone3)
            for step in (_step(EQUAL, number, 0, 1), _step(RETURN, PRETEND_MISSING))
        ),
        *(
            step
            for number in machine.refused
            for step in (_step(EQUAL, number, 0, 1), _step(RETURN, REFUSE))
        ),
        *(step for number in machine.on_itself for step in _only(number, 0)),
        *_only(machine.tgkill, os.getpid()),
        *_only(machine.setpriority, 0, 0),  # PRIO_PROCESS, and again itself
        _step(EQUAL, machine.clone, 0, 3),
        _step(LOAD, FIRST_ARGUMENT),  # flags
        _step(ANY_BIT, CLONE_THREAD, 1, 0),
        _step(RETURN, REFUSE),
        _step(RETURN, ALLOW),
    ]
    steps = ctypes.create_string_buffer(b"".join(program), 8 * len(program))
    filter_ = struct.pack("HxxxxxxP", len(program), ctypes.addressof(steps))
    _syscall(libc, machine.seccomp, SECCOMP_SET_MODE_FILTER, 0, filter_)


def _only(number: int, *arguments: int) -> list[bytes]:
    """A call is let through with these first arguments, of which the kernel takes 32 bits."""
    count = len(arguments)
    checks = [
        step
        for place, value in enumerate(arguments)
        for step in (
            _step(LOAD, FIRST_ARGUMENT + 8 * place),
            _step(EQUAL, value, 0, 2 * (count - 1 - place) + 1),
        )
    ]
    head = _step(EQUAL, number, 0, 2 * count + 2)
    return [head, *checks, _step(RETURN, ALLOW), _step(RETURN, REFUSE)]


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """A struct sock_filter of linux/filter.h."""
    return struct.pack("HBBI", code, if_true, if_false, value)


def _syscall(libc: Any, number: int, *arguments: Any) -> int:
    result = int(libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"system call {number}: {os.strerror(error)}")
    return result


def _call(libc: Any, name: str, *arguments: int) -> None:
    if getattr(libc, name)(arguments[0], *(ctypes.c_ulong(value) for value in arguments[1:])) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")


if __name__ == "__main__":
    main()
