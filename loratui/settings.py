"""What a person sets once for all runs, in `config.toml` of the configuration directory. Knows no run."""

import difflib
import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from loratui.errors import ProfileError
from loratui.paths import config_directory
from loratui.safe_text import printable

_LARGEST_FILE = 1 << 20
_ACCEPTED = {"notify_command": "a text in quotes or a list of texts in [ ]"}


class Settings(BaseModel):
    """The settings, each with its default."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    notify_command: list[str] | str = Field(
        default="",
        title="Notify command",
        description="Run when a run ends: a list of words, in which $LORATUI_MESSAGE and the like are filled in, or a "
        "line for the shell. It finds LORATUI_RUN, LORATUI_STATE, LORATUI_NAME, LORATUI_MESSAGE, LORATUI_LORA and "
        "LORATUI_GRID in its environment.",
    )


def settings_path() -> Path:
    """Where the settings are; the file need not exist."""
    return config_directory() / "config.toml"


def read_settings() -> Settings:
    """The person's settings; the defaults when there is no file.

    Raises:
        ProfileError: the file cannot be read, or says something that is not understood.
    """
    path = settings_path()
    try:
        with open(path, "rb") as file:
            text = file.read(_LARGEST_FILE).decode("utf-8-sig")
        return Settings.model_validate(tomllib.loads(text))
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        reason = error.strerror or str(error)
    except ValidationError as error:
        reason = _complaint(error.errors(include_url=False)[0])
    except (ValueError, RecursionError) as error:
        reason = f"it is not TOML ({error})"
    raise ProfileError(
        f"The settings {printable(path)} cannot be used: {printable(reason)}{'' if reason.endswith('?') else '.'}",
        f"Correct the file, or remove it. It may set: {', '.join(Settings.model_fields)}.",
    )


def _complaint(details: ErrorDetails) -> str:
    key = str(details["loc"][0])
    if details["type"] != "extra_forbidden":
        return f"{key} must be {_ACCEPTED[key]}"
    near = difflib.get_close_matches(key.lower().replace("-", "_"), Settings.model_fields, n=1)
    return f"'{key}' is not a setting" + (f"; did you mean {near[0]}?" if near else "")
