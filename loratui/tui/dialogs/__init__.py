"""Questions and texts that stand in front of a screen until they are answered or read."""

from loratui.tui.dialogs.ask import Ask, Choice
from loratui.tui.dialogs.entry import Entry
from loratui.tui.dialogs.reading import Pages, PlainText

__all__ = ["Ask", "Choice", "Entry", "Pages", "PlainText"]
