"""Figures as a person reads them: how long, how much of a disk, how much memory. Knows nothing of what they count."""

_GIB, _MIB = 1 << 30, 1 << 20


def duration(seconds: float) -> str:
    """How long something takes or took: `8.5 s`, `1 min 42 s`, `1 h 5 min`."""
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def countdown(seconds: float) -> str:
    """The time that is left, as a clock that runs shows it: `1:57`, `2:03:10`."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def disk_size(size: float) -> str:
    """Bytes of a file or a disk, in the decimal units by which disks are sold: `812 B`, `9.5 MB`, `271 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        figure = f"{size:.0f}" if unit == "B" else _three_digits(size)
        if float(figure) < 1000:
            return f"{figure} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def memory_size(size: float) -> str:
    """Bytes of memory, in the units of 2^30 and 2^20 by which cards are labelled: `8.0 GB`, `412 MB`."""
    figure = round(size / _MIB)
    return f"{figure} MB" if 0 < figure < 1000 else f"{memory_gigabytes(size)} GB"


def memory_gigabytes(size: float) -> str:
    """Bytes of memory in units of 2^30, without the unit: `8.0` of a card of 8 GB, `128`."""
    return _three_digits(size / _GIB)


def _three_digits(figure: float) -> str:
    return f"{figure:.1f}" if figure < 99.95 else f"{figure:.0f}"
