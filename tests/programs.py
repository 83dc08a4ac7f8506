"""Programs of the system that tests run, and ports for them."""

import os
import shutil
import socket

import psutil
import pytest


def required(program, package):
    """The path of a program. Its absence is a failure in CI and a loud skip elsewhere."""
    path = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if path is None:
        message = f"{program} is missing, so this was NOT tested. apt-get install {package}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_running(pid):
    """Whether a process is there and has not ended; who started it may not have noticed yet."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
