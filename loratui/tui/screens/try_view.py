"""What Try looks like: words above, two pictures, where there is room small ones of all strengths, words below."""

from collections.abc import Sequence
from typing import Literal

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from loratui.tui.glyphs import Glyphs
from loratui.tui.screens.try_lines import (
    caption,
    facts_line,
    fetch_line,
    label,
    prompt_line,
    state_line,
    strip_line,
    tag_line,
)
from loratui.tui.screens.try_trial import Trial
from loratui.tui.widgets.picture import Picture

Place = Literal["both", "without", "with"]
# What Space shows after each.
NEXT: dict[Place, Place] = {"both": "without", "without": "with", "with": "both"}
_THUMBNAIL_COLUMNS = 17
# Room for both pictures side by side, and for the small ones below them.
_COLUMNS_FOR_BOTH = 58
_COLUMNS_FOR_ALL, _ROWS_FOR_ALL = 116, 30
_ABOVE = {"prompt": prompt_line, "facts": facts_line}
_BELOW = {"strip": strip_line, "state": state_line}
_TO_TAKE = {"tag": tag_line, "fetch": fetch_line}


class TryView(Vertical):
    """Shows a trial."""

    DEFAULT_CSS = """
    TryView {
        padding: 0 1;

        .try-line {
            height: 1;
            width: 100%;
            text-wrap: nowrap;
        }
        #try-state {
            height: auto;
        }
        #try-told {
            height: auto;
            display: none;
        }
        #try-rule {
            color: $rule;
        }
        #try-pictures {
            height: 1fr;
            margin-bottom: 1;
        }
        #try-pictures.-tall {
            margin-top: 1;
        }
        #try-pictures.-both #try-without {
            margin-right: 2;
        }
        #try-thumbnails {
            height: 9;
            margin: 1 0;
            display: none;
        }
        .try-thumbnail {
            width: 16;
            margin-right: 1;
        }
        .try-thumbnail.chosen {
            color: $text-accent;
        }
    }
    """

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._trial: Trial | None = None
        self._told = ""
        self._place: Place = "both"

    def compose(self) -> ComposeResult:
        """Everything, from top to bottom."""
        yield Static(id="try-told", markup=False)
        for name in _ABOVE:
            yield Static(id=f"try-{name}", classes="try-line", markup=False)
        with Horizontal(id="try-pictures"):
            yield Picture(id="try-without")
            yield Picture(id="try-with")
        yield Horizontal(id="try-thumbnails")
        for name in (*_BELOW, "rule", *_TO_TAKE):
            yield Static(id=f"try-{name}", classes="try-line", markup=False)

    def show(self, trial: Trial | None, told: str, place: Place) -> None:
        """Show a trial, or what is told where there is none.

        Args:
            place: Both pictures side by side, or one of them in one place.
        """
        self._trial, self._told, self._place = trial, told, place
        self._redraw()

    def on_resize(self) -> None:
        """Fit everything into the new size."""
        self._redraw()

    def _redraw(self) -> None:
        trial, width = self._trial, max(20, self.size.width)
        self.query_one("#try-told", Static).display = trial is None
        self.query_one("#try-told", Static).update(self._told)
        for line in self.query(".try-line"):
            line.display = trial is not None
        self.query_one("#try-pictures").display = trial is not None
        self.query_one("#try-thumbnails").display = False
        if trial is None:
            return
        self.query_one("#try-rule", Static).update(self._glyphs.rule * width)
        for name, draw in {**_ABOVE, **_BELOW, **_TO_TAKE}.items():
            line, drawn = self.query_one(f"#try-{name}", Static), draw(trial, width, self._glyphs)
            line.update(drawn)
            line.display = bool(drawn)
        self._show_both(trial)
        if self.size.width >= _COLUMNS_FOR_ALL and self.size.height >= _ROWS_FOR_ALL:
            self._show_all(trial, width // _THUMBNAIL_COLUMNS)

    def _show_both(self, trial: Trial) -> None:
        without, used = self.query_one("#try-without", Picture), self.query_one("#try-with", Picture)
        place = self._place
        if place == "both" and self.size.width < _COLUMNS_FOR_BOTH:
            place = "with"
        self.query_one("#try-pictures").set_class(self.size.height >= _ROWS_FOR_ALL, "-tall")
        self.query_one("#try-pictures").set_class(place == "both", "-both")
        without.display, used.display = place != "with", place != "without"
        without.show(trial.picture(0.0), caption(0.0))
        used.show(trial.picture(trial.strength), caption(trial.strength))

    def _show_all(self, trial: Trial, count: int) -> None:
        strip = self.query_one("#try-thumbnails", Horizontal)
        strip.display = True
        columns = _around(trial.strengths, trial.strength, count)
        pictures = list(strip.query(Picture))
        if len(pictures) < len(columns):
            added = [Picture(classes="try-thumbnail") for _ in range(len(columns) - len(pictures))]
            strip.mount(*added)
            pictures += added
        for picture, strength in zip(pictures, columns, strict=False):
            picture.set_class(strength == trial.strength, "chosen")
            picture.show(trial.picture(strength), label(strength))


def _around(strengths: Sequence[float], chosen: float, count: int) -> Sequence[float]:
    """So many strengths around the chosen one."""
    first = min(max(0, strengths.index(chosen) - count // 2), max(0, len(strengths) - count))
    return strengths[first : first + count]
