"""The pictures' screen as far as it only shows: the list, the picture, what the model sees of it, and the figures.

A thread looks through the folder and tells what it knows by and by; another notices when files come or go. What keys
do is `pictures.py`'s matter.
"""

from collections.abc import Sequence
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static
from textual.worker import get_current_worker

from loratui.dataset.caption_journal import CaptionJournal
from loratui.dataset.folder_choice import Proposal, absolute
from loratui.dataset.problems import Problem, counted
from loratui.tui.background import threaded
from loratui.tui.frame import StepScreen
from loratui.tui.screens import pictures_looking as looking
from loratui.tui.screens.pictures_album import Album
from loratui.tui.screens.pictures_list import PictureList
from loratui.tui.screens.pictures_panel import CaptionPanel, RuleLine
from loratui.tui.screens.pictures_texts import caption_lines, head_lines, nothing_text, seen
from loratui.tui.screens.pictures_traces import KnownTraces, traces, traces_of
from loratui.tui.session import Session
from loratui.tui.widgets.changing_lines import ChangingLines, Line
from loratui.tui.widgets.picture import Picture

_SECONDS_BETWEEN_GLANCES = 1.5
# From so many rows on the text below the picture gets more of them.
_TALL = 32


class PicturesView(StepScreen):
    """Shows the dataset of the open profile."""

    DEFAULT_CSS = """
    #pictures-head { height: 2; }
    #pictures-middle { height: 1fr; }
    #pictures-list { width: 50%; }
    #picture { padding-left: 1; }
    #pictures-nothing { height: 1fr; padding: 1 2; display: none; }
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.album = Album(session.profile.dataset)
        self.undo_label = ""
        self._asked: object = None
        self._look = 0
        self._is_looking = False
        self._look_again = False
        self._done = 0
        self._nothing: Proposal | None = None
        self._traces = KnownTraces()
        self._glances: Timer | None = None
        self._glancing: set[str] = set()

    def compose_body(self) -> ComposeResult:
        """Heading, list and picture, and the text that the model sees."""
        session = self.session
        yield ChangingLines(id="pictures-head")
        yield RuleLine(lambda: session.glyphs.rule)
        with Horizontal(id="pictures-middle"):
            yield PictureList(lambda: session.glyphs, self.album, id="pictures-list")
            yield RuleLine(lambda: session.glyphs.vertical, standing=True)
            yield Picture(id="picture")
        yield Static(id="pictures-nothing", markup=False)
        yield RuleLine(lambda: session.glyphs.rule)
        yield CaptionPanel(id="pictures-panel")

    def on_mount(self) -> None:
        """Have the list under the keys."""
        self.query_one(PictureList).focus()

    def on_resize(self) -> None:
        """Give the text more rows where there are more."""
        if self.is_mounted:
            self.query_one(CaptionPanel).styles.height = 6 if self.size.height >= _TALL else 4
            self.call_after_refresh(self.show_all)

    @property
    def current(self) -> Path | None:
        """The picture under the cursor."""
        return self.query_one(PictureList).row

    @property
    def is_settled(self) -> bool:
        """Whether everything has been looked through, and shown."""
        return self._look > 0 and not self._is_looking

    @property
    def journal(self) -> CaptionJournal:
        """What can be taken back in this dataset."""
        return CaptionJournal.of(absolute(self.session.resolved().dataset.path))

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What the check has found, once it is done."""
        return self.album.survey.report.problems if self.album.survey is not None else ()

    # Looking

    def session_changed(self) -> None:
        """Look anew where the settings ask for it."""
        profile = self.session.profile
        asked = (
            self.session.name,
            profile.dataset.model_dump_json(),
            profile.training.batch_size,
            profile.training.epochs,
            profile.model.base,
            profile.model.config,
        )
        if asked != self._asked:
            is_same = isinstance(self._asked, tuple) and asked[0] == self._asked[0]
            is_same = is_same and profile.dataset.path == self.album.section.path
            self._asked = asked
            self.album = self.album.under(profile.dataset) if is_same else Album(profile.dataset)
            self.look()
        elif self.is_settled and self.session.unmet("pictures") is None:  # changed elsewhere, and back
            self.look()
        else:
            self._show_head()

    def shown(self) -> None:
        """Notice from now on when files come or go."""
        if self._glances is None:
            self._glances = self.set_interval(_SECONDS_BETWEEN_GLANCES, self._glance)

    def hidden(self) -> None:
        """Let the folder be while nobody looks."""
        if self._glances is not None:
            self._glances.stop()
            self._glances = None

    def look(self) -> None:
        """Look through the folder from the beginning; what has not changed is not decoded again."""
        self._look += 1
        self._is_looking, self._look_again, self._done = True, False, 0
        self._look_through(self._look, self._watched())
        self._show_head()

    @threaded(exclusive=True, group="look", about=lambda self, *_: (self.session.profile.dataset.path,))
    def _look_through(self, look: int, watched: list[Path]) -> None:
        worker = get_current_worker()
        profile = self.session.resolved()
        self._traces.begin(traces(profile.dataset.path, watched))
        self.undo_label = CaptionJournal.of(absolute(profile.dataset.path)).last

        def tell(message: Message) -> None:
            if isinstance(message, looking.Scanned):
                self._traces.add(traces_of(looking.files_of(message.scan)))
            self.post_message(message)

        try:
            looking.look_through(look, profile, self.session.surveyor, tell, lambda: worker.is_cancelled)
        except looking.Superseded:
            return

    def _glance(self) -> None:
        path = self.session.profile.dataset.path
        # On a disk that no longer answers a glance lasts for ever: one that waits for it is enough.
        if path not in self._glancing:
            self._glancing.add(path)
            self._glance_at(path, self._watched(), self._traces.moment)

    @threaded(group="glance")
    def _glance_at(self, path: str, watched: list[Path], moment: int) -> None:
        try:
            self.post_message(looking.Glanced(traces(path, watched), moment))
        finally:
            self._glancing.discard(path)

    def _watched(self) -> list[Path]:
        """Files that may be written without their folder showing it: what is being copied, and what is seen."""
        return self.album.watched(self.query_one(PictureList).in_sight)

    def on_glanced(self, message: looking.Glanced) -> None:
        """Look again when something has changed."""
        if not self._traces.take(message.found, message.moment):
            return
        if self._is_looking:
            self._look_again = True
        else:
            self.look()

    # News of a look

    def on_nothing(self, message: looking.Nothing) -> None:
        """Say what to do where there are no pictures."""
        if message.look != self._look:
            return
        self.album = Album(self.session.profile.dataset)
        self._nothing = message.proposal
        self._end_of_look()
        self.session.set_unmet("pictures", [_lacking(message.proposal)])
        self.query_one("#pictures-nothing", Static).update(nothing_text(message.proposal))
        self._show_pictures(False)
        self.show_all()

    def on_listed(self, message: looking.Listed) -> None:
        """Show the names, and the first picture."""
        if message.look == self._look:
            self.album.take_names(message.listings)
            self._show_pictures(True)
            self.show_all()

    def on_scanned(self, message: looking.Scanned) -> None:
        """Show sizes and captions."""
        if message.look == self._look:
            self.album.take_scan(message.scan)
            self.album.tokens = message.tokens
            self.show_all()

    def on_decoded(self, message: looking.Decoded) -> None:
        """Show how far it has come."""
        if message.look == self._look:
            self._done = message.done
            self.album.take_results(message.results)
            self._show_head()
            self.query_one(PictureList).redraw()
            if self.current in message.results:
                self.show_caption()

    def on_surveyed(self, message: looking.Surveyed) -> None:
        """Show the whole."""
        if message.look != self._look:
            return
        self.album.take_survey(message.survey)
        self._end_of_look()
        stops = message.survey.report.stops
        verb = "stops" if len(stops) == 1 else "stop"
        self.session.set_unmet("pictures", [f"{counted(len(stops), 'problem')} {verb} the training"] if stops else [])
        self.show_all()

    def _end_of_look(self) -> None:
        self._is_looking = False
        if self._look_again:
            self.look()

    # Showing

    def show_all(self) -> None:
        """Draw everything from what is known."""
        self._show_head()
        self.query_one(PictureList).show_album(self.album)
        self.show_current()
        self.refresh_bindings()

    def show_current(self) -> None:
        """Show the picture under the cursor and its text."""
        self.query_one(Picture).show(self.current)
        self.show_caption()

    def show_caption(self) -> None:
        """Show what the model sees of the picture under the cursor."""
        panel = self.query_one(CaptionPanel)
        if panel.line is None:
            panel.show(self.caption_lines(self.current, panel.rows))

    def caption_lines(self, path: Path | None, rows: int) -> Sequence[Line]:
        """What is wrong with a picture, and what the model sees of it."""
        return caption_lines(self.album, path, self._panel_width, rows, self.session.glyphs)

    def seen(self, caption: str, rows: int, *, has_file: bool) -> Sequence[Line]:
        """What the model sees of a caption as it is trained."""
        return seen(self.album, caption, self._panel_width, rows, self.session.glyphs, has_file=has_file)

    def head_lines(self, width: int) -> Sequence[Line]:
        """The folder with its figures, and how the check stands."""
        is_new = self._is_looking and (self._done or self.album.survey is None)
        return head_lines(self.album, self.session.profile, width, self.session.glyphs, self._done if is_new else None)

    @property
    def _panel_width(self) -> int:
        return self.query_one(CaptionPanel).size.width

    def _show_head(self) -> None:
        head = self.query_one("#pictures-head", ChangingLines)
        head.show(self.head_lines(head.size.width))

    def _show_pictures(self, are_there: bool) -> None:
        self.query_one("#pictures-middle").display = are_there
        self.query_one("#pictures-nothing").display = not are_there
        if are_there and self.focused is None:
            self.query_one(PictureList).focus()


def _lacking(proposal: Proposal | None) -> str:
    if proposal is None:
        return "no folder of pictures is chosen"
    return "no pictures yet" if proposal.state == "empty" else "no pictures in the folder that is chosen"
