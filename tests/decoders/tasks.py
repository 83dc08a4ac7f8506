"""What decoders are asked to do in tests, and must not be believed or kept by."""

import os
import sys
import time
from fractions import Fraction


def spin(_data):
    while True:
        pass


def sleep(_data):
    time.sleep(600)


def crash(_data):
    os.abort()


def modules(_data):
    return [*sys.modules]


def environment(_data):
    return dict(os.environ)


def number(_data):
    return os.getpid()


def other(_data):
    return Fraction(1, 2)


def fail(_data):
    raise ZeroDivisionError("a mistake of ours")
