"""What a record says of where and by what it was computed: the commit, the device, how much memory
it took."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]


def commit() -> str | None:
    """The git commit of the source, with a + if a tracked file of the code was changed since; None if this is
    no checkout.
    """
    if not (ROOT / ".git").exists():
        return None

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "-uno", "--", "nflib", "tools", "experiments/*.py")
        return git("rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):  # no git, or a checkout that it does not trust
        return None


def device_name(device: torch.device) -> str:
    """What to call a device in a record."""
    return (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"{device.type}, {torch.get_num_threads()} threads"
    )


def processor_name(device: torch.device) -> str:
    """Name of the processor, as the system has it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "cpu":
        try:
            with open("/proc/cpuinfo", encoding="utf-8") as lines:
                return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
        except (OSError, StopIteration):  # not Linux, or a processor without a name
            pass
    return platform.processor() or platform.machine()


def resident(key: str = "VmRSS") -> int | None:
    """Bytes of this process in memory, now ("VmRSS") or at the peak ("VmHWM"); None but on Linux."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(key))


def peak_memory(device: torch.device) -> int | None:
    """Bytes at the peak: of the device, or of the whole process if it is the CPU; None where the system does
    not tell.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if device.type == "mps":
        return torch.mps.driver_allocated_memory()
    found = resident("VmHWM")
    if found is None and platform.system() == "Darwin":
        import resource

        found = resource.getrusage(
            resource.RUSAGE_SELF
        ).ru_maxrss  # not on Linux: there it may be the peak of who started this process
    return found
