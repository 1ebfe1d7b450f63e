"""File permissions that bind, also where the tests run as root."""

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

# linux/capability.h and linux/prctl.h
_VERSION_3 = 0x20080522
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2
_PR_CAPBSET_DROP = 24


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def bound_by_permissions(function: Callable[[], T]) -> T:
    """Run `function` in a thread that may not pass over file permissions, nor may the processes it starts.

    Capabilities belong to a thread, so the rest of the tests keeps what it has.
    """
    if os.geteuid() != 0:
        return function()
    with ThreadPoolExecutor(max_workers=1, initializer=_give_up_override) as executor:
        return executor.submit(function).result()


def _give_up_override() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = _Header(_VERSION_3, 0), (_Sets * 2)()
    for capability in (_DAC_OVERRIDE, _DAC_READ_SEARCH):
        _check(libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0))
    _check(libc.capget(ctypes.byref(header), sets))
    kept = ~(1 << _DAC_OVERRIDE | 1 << _DAC_READ_SEARCH)
    sets[0].effective &= kept
    sets[0].permitted &= kept
    sets[0].inheritable &= kept
    _check(libc.capset(ctypes.byref(header), sets))


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
