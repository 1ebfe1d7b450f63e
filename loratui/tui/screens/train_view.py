"""A run as it is drawn: figures on top, chart beside gauges, the latest events below. Decides nothing."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from loratui.runs.directory import RunDirectory
from loratui.tui.fitting import cut
from loratui.tui.glyphs import Glyphs
from loratui.tui.loss_curve import Curve
from loratui.tui.moment import Moment
from loratui.tui.screens.train_end import end_lines
from loratui.tui.screens.train_events import event_lines
from loratui.tui.screens.train_figures import head_lines
from loratui.tui.widgets.changing_lines import ChangingLines, Line, plain
from loratui.tui.widgets.gauges import Gauged, gauge_lines
from loratui.tui.widgets.loss_chart import chart_lines
from loratui.tui.widgets.picture import Picture

_EVENTS, _EVENTS_WHEN_TALL = 3, 6
_TALL = 30
# Of plain text, which nothing cuts.
_COLUMNS_OF_TEXT, _COLUMNS_OF_GAUGES, _EVENTS_OF_TEXT = 400, 43, 24
# From this width on the gauges tell more, and have more room.
_SPACIOUS = 116


class RunView(Vertical):
    """Shows moments of a run.

    Attributes:
        wants_preview: Whether the latest preview stands in the place of the gauges, once there is one.
    """

    DEFAULT_CSS = """
    RunView {
        height: 1fr;
        & > #head { height: 3; }
        & > #middle { height: 1fr; }
        & > #divider { height: 1; }
        & > #words { height: 3; }
        & #gauges { width: 31; }
        & #preview { width: 30; margin-left: 1; display: none; }
    }
    RunView.-with-preview {
        & #gauges { display: none; }
        & #preview { display: block; }
    }
    RunView.-alone #gauges { display: none; }
    RunView.-spacious {
        & #gauges { width: 43; }
        & #preview { width: 60; }
    }
    """

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._glyphs = glyphs
        self._moment = Moment()
        self._run: RunDirectory | None = None
        self._drawn: tuple[Curve, tuple[int, int]] | None = None
        self._gauged: Gauged | None = None
        self.wants_preview = False
        self._now = 0.0

    def compose(self) -> ComposeResult:
        """Figures, chart beside gauges or preview, events."""
        yield ChangingLines(id="head")
        with Horizontal(id="middle"):
            yield ChangingLines(id="chart")
            yield ChangingLines(id="gauges")
            yield Picture(id="preview")
        yield ChangingLines(id="divider")
        yield ChangingLines(id="words")

    def show(self, run: RunDirectory, moment: Moment, now: float) -> None:
        """Show a moment; only what differs from the one before is drawn."""
        has_new_preview = moment.previews != self._moment.previews
        self._run, self._moment, self._now = run, moment, now
        if has_new_preview:
            self._place_preview()
        width = self.size.width
        if not width:
            return
        self.query_one("#head", ChangingLines).show(head_lines(moment, width, self._glyphs, now))
        ended = end_lines(moment, run, width, self._glyphs)
        words = self.query_one("#words", ChangingLines)
        events = _EVENTS_WHEN_TALL if self.size.height >= _TALL else _EVENTS
        rows = len(ended) or events
        if words.styles.height is None or words.styles.height.value != rows:
            words.styles.height = rows
        has_curve = bool(moment.curve.steps)
        words.show(ended or (event_lines(moment.happened, events, width, self._glyphs) if has_curve else ()))
        self._name_run(run, width)
        self.set_class(not moment.is_busy, "-alone")
        self._draw_chart(has_curve)

    def show_gauges(self, gauged: Gauged) -> None:
        """Show the gauges."""
        self._gauged = gauged
        self._draw_gauges()

    def _draw_gauges(self) -> None:
        """Draw the gauges, behind a line that parts them from the chart."""
        gauges = self.query_one("#gauges", ChangingLines)
        lines: list[Line] = []
        if self._gauged is not None:
            room = max(0, gauges.size.width - 2)
            lines = gauge_lines(self._gauged, self._glyphs, room, details=self.size.width >= _SPACIOUS)
        separator: Line = ((f"{self._glyphs.vertical} ", "rule"),)
        blank: list[Line] = [()] * max(0, gauges.size.height - len(lines) - 1)
        hint: Line = (("v", "accent"), (" shows the preview here", "faint"))
        gauges.show([(*separator, *line) for line in [*lines, *blank, hint]])

    def show_preview(self, is_wanted: bool) -> None:
        """Put the latest preview into the place of the gauges as soon as there is one, or take it away."""
        self.wants_preview = is_wanted
        self._place_preview()

    def _place_preview(self) -> None:
        previews = self._moment.previews if self.wants_preview else ()
        self.set_class(bool(previews), "-with-preview")
        picture = self.query_one("#preview", Picture)
        if previews:
            picture.show(previews[-1].file, f"step {previews[-1].step}")
        else:
            picture.show(None)

    def plain(self) -> str:
        """Everything as text, whole: figures, the chart, the gauges, and what happened last."""
        where, _, learnt = head_lines(self._moment, _COLUMNS_OF_TEXT, self._glyphs, self._now)
        parts: list[Sequence[Line]] = [[line for line in (where, learnt) if line]]
        if self._moment.curve.steps:
            parts.append(self.query_one("#chart", ChangingLines).lines)
        if self._gauged is not None and self._moment.is_busy:
            parts.append(gauge_lines(self._gauged, self._glyphs, _COLUMNS_OF_GAUGES, details=True))
        parts.append(event_lines(self._moment.happened, _EVENTS_OF_TEXT))
        return "\n\n".join(plain(lines).strip("\n") for lines in parts if lines)

    def on_resize(self) -> None:
        """Give the gauges the room that there is."""
        self.set_class(self.size.width >= _SPACIOUS, "-spacious")

    def on_changing_lines_resized(self, message: ChangingLines.Resized) -> None:
        """Draw for the new size, after all that changes with it."""
        message.stop()
        self.call_after_refresh(self._draw_again)

    def _draw_again(self) -> None:
        if self._run is not None:
            self.show(self._run, self._moment, self._now)
        self._draw_gauges()

    def _name_run(self, run: RunDirectory, width: int) -> None:
        name = cut(run.name, max(0, width - 8), self._glyphs)
        before = self._glyphs.rule * 2
        rest = self._glyphs.rule * max(0, width - len(name) - 4)
        self.query_one("#divider", ChangingLines).show(
            [((f"{before} ", "rule"), (name, "faint"), (f" {rest}", "rule"))]
        )

    def _draw_chart(self, has_curve: bool) -> None:
        """Draw the curve where it has grown; as long as there is none, what happened stands there."""
        chart = self.query_one("#chart", ChangingLines)
        width, height = chart.size
        if not has_curve:
            self._drawn = None
            chart.show(event_lines(self._moment.happened, height, width - 1, self._glyphs))
            return
        curve = self._moment.curve
        if self._drawn is None or self._drawn[0] is not curve or self._drawn[1] != (width, height):
            self._drawn = (curve, (width, height))
            chart.show(chart_lines(curve, width - 1, height, self._glyphs))
