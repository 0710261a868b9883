"""The processors this process may use, and what they can do."""

import math
import os
import platform
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
CPU_INFO = Path("/proc/cpuinfo")


def processors(cgroups: Path = CGROUPS) -> int:
    """At least one: those it is bound to, or fewer where its container has a quota. A quota of one and a half processors counts as two."""
    at_hand = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(cgroups)
    return at_hand if quota is None else max(1, min(at_hand, math.ceil(quota)))


def _quota(cgroups: Path) -> float | None:
    """Processors' worth of time the control group allows, by version 2 or 1 of the interface; None without a limit."""
    for files in (["cpu.max"], ["cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"]):
        try:
            quota, period = " ".join((cgroups / file).read_text() for file in files).split()
            return int(quota) / int(period) if int(quota) > 0 and int(period) > 0 else None
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return None


def adds_int8_exactly(cpu_info: Path = CPU_INFO) -> bool:
    """Whether sums of int8 products have room: x86 without VNNI adds pairs in 16 bits, too few. Where Linux does not tell, it is taken to."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return True
    return cpu_info.is_file() and "vnni" in cpu_info.read_text()
