"""How a path is shown to a person: with ~ for the home, safe for a terminal. Looks at no file."""

import os
import re
from pathlib import Path

from loratui.safe_text import printable


def shown_path(path: Path | str) -> str:
    """A path as a person writes it: with ~ for the home, safe for a terminal."""
    text, home = str(path), _user_home()
    inside = home and (text == home or text.startswith(home + os.sep))
    return printable("~" + text[len(home) :] if inside else text)


def shown_paths_in(sentence: str) -> str:
    """A sentence that is safe for a terminal, with the paths in it as `shown_path` would show them."""
    home = printable(_user_home())
    return re.sub(rf"(?<![\w./-]){re.escape(home)}(?=/|[.,:;)]?(?:\s|$))", "~", sentence) if home else sentence


def _user_home() -> str:
    """The person's home directory; "" where there is none, or it is the whole disk."""
    home = os.path.expanduser("~")
    return "" if home in ("/", "~") else home
