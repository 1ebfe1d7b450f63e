"""`config`: where a person's settings are, and what they say."""

from loratui.command_line.terminal import Terminal
from loratui.settings import Settings, read_settings, settings_path


def show(terminal: Terminal) -> int:
    """Say where the settings are, what each does, and what it is set to."""
    settings, path = read_settings(), settings_path()
    terminal.say(f"{path}" + ("" if path.is_file() else " (not there: everything has its default)"), verbatim=True)
    for name, field in Settings.model_fields.items():
        terminal.say(f"  {name} = {getattr(settings, name)!r}")
        terminal.say(f"      {field.description}")
    terminal.answer(path=str(path), **settings.model_dump())
    return 0
