"""Memory that is not needed any more goes back to the system: processes of many threads stay as
small as what they hold."""

import ctypes

_ARENA_MAX, _MMAP_THRESHOLD = -8, -3
_ARENAS = 2
_LARGE_BYTES = 256 * 1024


def settle() -> None:
    """Have glibc keep few heaps, and give large blocks back as soon as they are freed; elsewhere,
    nothing.

    By itself it makes a heap for nearly every thread, each of which keeps what its largest page or
    response took.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, _ARENAS)
        mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
