"""Where loratui keeps what is its own: profiles and runs, in the XDG directories or below `LORATUI_HOME`.

Also how any path is shown to a person. Looks at no file.
"""

import os
import re
from pathlib import Path

from platformdirs import PlatformDirs

from loratui.safe_text import printable

_DIRECTORIES = PlatformDirs("loratui", appauthor=False)


def _home() -> Path | None:
    value = os.environ.get("LORATUI_HOME", "")
    return Path(value).expanduser().absolute() if value else None


def config_directory() -> Path:
    """Directory of what a person writes: profiles and settings (`~/.config/loratui`)."""
    home = _home()
    return home / "config" if home else Path(_DIRECTORIES.user_config_dir)


def data_directory() -> Path:
    """Directory of what loratui writes (`~/.local/share/loratui`)."""
    home = _home()
    return home / "data" if home else Path(_DIRECTORIES.user_data_dir)


def profiles_directory() -> Path:
    """Directory of the saved profiles, one TOML file each."""
    return config_directory() / "profiles"


def runs_directory() -> Path:
    """Directory that holds one directory per run."""
    return data_directory() / "runs"


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
