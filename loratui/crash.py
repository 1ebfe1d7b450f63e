"""Faults of the program itself: written down where a person can find them, without what must stay secret."""

import re
import time
import traceback

from loratui.errors import LoratuiError
from loratui.paths import data_directory

_TOKEN = re.compile(r"hf_\w{4,}")


def without_tokens(text: str) -> str:
    """`text` without the tokens of Hugging Face accounts that are in it."""
    return _TOKEN.sub("hf_…", text)


def write_crash_log(error: BaseException) -> LoratuiError:
    """Write down a fault of the program, and return what to tell the person: its kind, and where the log is."""
    path = data_directory() / f"crash-{time.strftime('%Y%m%d-%H%M%S')}.log"
    kind = type(error).__name__
    story = without_tokens("".join(traceback.format_exception(error)))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(story, encoding="utf-8", errors="backslashreplace")
    except OSError:
        return LoratuiError(f"loratui itself failed ({without_tokens(f'{kind}: {error}')}).", "Please report this.")
    return LoratuiError(f"loratui itself failed ({kind}).", f"Please report this with the log {path}")
