from pathlib import Path

import pytest

from loratui.errors import ProfileError
from loratui.settings import read_settings, settings_path


def write(text: bytes) -> None:
    settings_path().parent.mkdir(parents=True, exist_ok=True)
    settings_path().write_bytes(text)


def test_without_a_file_everything_has_its_default(loratui_home: Path) -> None:
    assert settings_path() == loratui_home / "config" / "config.toml"
    assert read_settings().notify_command == ""


@pytest.mark.parametrize(
    ("text", "command"),
    [
        (b"notify_command = 'ntfy done'", "ntfy done"),
        (b"\xef\xbb\xbfnotify_command = ['ntfy', 'done']", ["ntfy", "done"]),
    ],
)
def test_a_command_is_a_line_or_a_list_of_words(text: bytes, command: object) -> None:
    write(text)
    assert read_settings().notify_command == command


@pytest.mark.parametrize(
    "text", [b"nonsense", b"notify = 'x'", b"notify_command = 3", b"\xff", b"notify_command = [1]"]
)
def test_what_is_not_understood_is_refused_with_the_files_name(text: bytes) -> None:
    write(text)
    with pytest.raises(ProfileError, match=r"config\.toml") as caught:
        read_settings()
    assert "notify_command" in caught.value.todo


def test_a_directory_in_the_way_is_refused() -> None:
    settings_path().mkdir(parents=True)
    with pytest.raises(ProfileError, match="cannot be used"):
        read_settings()
