"""Where loratui keeps what is its own: profiles and runs, in the XDG directories or below `LORATUI_HOME`.

Looks at no file.
"""

import os
from pathlib import Path

from platformdirs import PlatformDirs

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
