"""What the CPU can compute with, as the kernel tells it; needs no torch."""

from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
# Units that multiply bf16 matrices; without them bf16 is slower than fp32.
_BF16_UNITS = {"amx_bf16", "avx512_bf16"}


def has_bf16_units() -> bool:
    """Whether this CPU multiplies bf16 itself."""
    try:
        lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    return not _BF16_UNITS.isdisjoint(flags)
