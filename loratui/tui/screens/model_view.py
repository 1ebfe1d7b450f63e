"""How Model looks: the list of bases, the one under the cursor in sentences, and the account in one line."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from loratui.tui.screens.model_account import who_line
from loratui.tui.screens.model_asking import Recognised
from loratui.tui.screens.model_details import as_content, details, in_signs, with_answer
from loratui.tui.screens.model_knowledge import Knowledge
from loratui.tui.screens.model_list import BaseList
from loratui.tui.screens.model_rows import BaseRow
from loratui.tui.session import Session
from loratui.tui.widgets.changing_lines import Line, plain

HELP = (
    "The LoRA is trained on one base and works best on its family: Stable Diffusion 1.x, 2.x and XL can be trained "
    "here. "
    "Train on what you will generate with, or on plain Stable Diffusion 1.5, from which most anime and photo models of "
    "the family descend.\n\n"
    "Bases of the Hugging Face cache, of A1111, Forge and ComfyUI are found by themselves. A gated base has a page "
    "where its conditions are accepted; for that you sign in with @. Downloads go on when the wizard is left, and go "
    "on where they were after a cut."
)


class ModelView(Vertical):
    """Draws what is known."""

    DEFAULT_CSS = """
    ModelView {
        #bases { padding: 0 1; }
        #between { height: 1; padding: 0 1; color: $rule; }
        #details { height: 7; padding: 0 1; }
        #who { height: 1; padding: 0 1; color: $faint; text-wrap: nowrap; text-overflow: ellipsis; }
        #who.complaint { color: $text-warning; }
    }
    """

    def __init__(self, session: Session, known: Knowledge) -> None:
        super().__init__()
        self._session = session
        self._known = known

    def compose(self) -> ComposeResult:
        """List, sentences, account."""
        yield BaseList(self._session.glyphs)
        yield Static(id="between", markup=False)
        yield Static(id="details", markup=False)
        yield Static(id="who", markup=False)

    @property
    def bases(self) -> BaseList:
        """The list."""
        return self.query_one(BaseList)

    def show_rows(self, rows: Sequence[BaseRow]) -> None:
        """Show other rows."""
        self.bases.set_rows(rows, self._session.profile.model.base, self._known.downloads.progress)

    def show_answer(self, base: str) -> None:
        """Show in its row what the hub has told of a base."""
        facts = self._known.of(base)
        self.show_rows([with_answer(row, facts) if row.base == base else row for row in self.bases.rows])

    def draw(self, who: Recognised) -> None:
        """Draw everything anew that has changed."""
        self.show_rows(self.bases.rows)
        self.query_one("#details", Static).update(as_content(self._sentences(), self._session.glyphs))
        text, needs_attention = who_line(who.account, who.tokens, who.error)
        line = self.query_one("#who", Static)
        line.set_class(needs_attention, "complaint")
        line.update(in_signs(text, self._session.glyphs))

    def on_resize(self) -> None:
        """Draw the rule as long as the screen is wide."""
        self.query_one("#between", Static).update(self._session.glyphs.rule * max(1, self.size.width - 2))

    def plain_text(self, who: Recognised) -> str:
        """All of it, and the page of the base."""
        row = self.bases.row
        answer = self._known.of(row.base).answer if row is not None else None
        pages = [answer.page] if answer is not None else []
        account = who_line(who.account, who.tokens, who.error)[0]
        return "\n".join([plain(self.bases.all_lines(120)), "", plain(self._sentences()), *pages, "", account])

    def _sentences(self) -> list[Line]:
        row = self.bases.row
        if row is None:
            return [[("Looking around on this computer …", "faint")]]
        is_chosen = row.base == self._session.profile.model.base
        return details(row, self._known.of(row.base), self._session.name, self._session.glyphs, is_chosen=is_chosen)
