"""What a hostile child would try. Each prints "done" if it could. Run by test_sandbox.py."""

import ctypes
import mmap
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from deepfake.errors import HostileModelError, ModelError
from deepfake.modelstore.compiling.parity import NoLiteRTError
from deepfake.modelstore.safety import sandbox


def attempt(name, *arguments):
    match name, arguments:
        case "write", (path,):
            Path(path).write_text("x")
        case "read", (path,):
            print(Path(path).read_text())
        case "inside", ():
            print("inside:", sandbox.is_inside())
        case "scratch", ():
            Path("scratch.txt").write_text("x")
        case "connect", (port,):
            socket.create_connection(("127.0.0.1", int(port)), timeout=2)
        case "datagram", (port,):
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", int(port)))
        case "program", ():
            subprocess.run(["/bin/true"], check=True)
        case "fork", ():
            while True:
                if os.fork() == 0:
                    time.sleep(60)
        case "kill", (pid,):
            os.kill(int(pid), signal.SIGTERM)
        case "limit another", (pid,):
            import resource

            resource.prlimit(int(pid), resource.RLIMIT_NOFILE, (3, 3))
        case "slow another", (pid,):
            os.setpriority(os.PRIO_PROCESS, int(pid), 19)
        case "slow all", (uid,):
            os.setpriority(os.PRIO_USER, int(uid), 19)
        case "move another", (pid,):
            os.sched_setaffinity(int(pid), {0})
        case "signal a thread of another", (pid,):
            libc = ctypes.CDLL(None, use_errno=True)
            number = 131 if os.uname().machine == "aarch64" else 234  # tgkill
            if libc.syscall(number, int(pid), int(pid), signal.SIGTERM):
                raise OSError(ctypes.get_errno(), "tgkill")
        case "itself", ():
            import resource
            import threading

            resource.prlimit(0, resource.RLIMIT_NOFILE, (100, 100))
            os.nice(1)
            os.sched_setaffinity(0, os.sched_getaffinity(0))
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)
            signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        case "environment", ():
            print(dict(os.environ))
        case "memory", ():
            kept = [bytearray(b"x" * 50_000_000) for _ in range(100)]
            print(len(kept))
        case "shared memory", ():
            print(len(mmap.mmap(-1, 200_000_000_000)))
        case "big file", ():
            with Path("big").open("wb") as file:
                for _ in range(20):
                    file.write(bytes(100_000_000))
        case "sleep", ():
            time.sleep(60)
        case "spin", ():
            while True:
                pass
        case "crash", ():
            ctypes.string_at(0)
        case "talk", ():
            sys.stdout.write("x" * 50_000_000)
        case "sentence", ():
            print("a remark of a library", end="", file=sys.stderr)
            raise ModelError("The file is odd.\x1b[31m Get another.")
        case "refusal", (path,):
            raise HostileModelError(f"{path} holds code. {'x' * 1000}", path=path)
        case "not for LiteRT", ():
            raise NoLiteRTError("It does what LiteRT cannot.")
        case "made up", (text,):
            print(text, file=sys.stderr)
            sys.stderr.flush()
            os._exit(3)
        case "error", ():
            raise KeyError("inner workings")
        case "raise limits", ():
            import resource

            resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY,) * 2)
    print("done")


if __name__ == "__main__":
    attempt(*sys.argv[1:])
