"""What processes keep of the memory that they freed."""

import platform
import subprocess
import sys

import pytest

ALLOCATE = """
import ctypes, resource, sys
from nflib.processes import keep_freed_memory
c = ctypes.CDLL(None)
c.malloc.restype, c.malloc.argtypes, c.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
c.prctl(41, 1, 0, 0, 0)  # no huge pages, of which a few faults bring everything
if sys.argv[1] == "keep":
    keep_freed_memory()
size = 28 * 2**20
def layers():
    parts = [c.malloc(size) for _ in range(4)]  # several at once; together more than is kept by itself
    for part in parts:
        ctypes.memset(part, 1, size)
    for part in reversed(parts):
        c.free(part)
for _ in range(3):
    layers()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    layers()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="asks the GNU C library")
def test_freed_memory_is_used_again() -> None:
    def faults(how: str) -> int:
        command = [sys.executable, "-c", ALLOCATE, how]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    assert faults("keep") < 0.01 * faults("give back")
