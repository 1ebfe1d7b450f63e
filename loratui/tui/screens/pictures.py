"""Step 3, the pictures and their captions: what its keys do. What it shows is in `pictures_view.py`.

Typing captions is in `pictures_editing.py`; here are the keys that jump, count and choose.
"""

from functools import partial
from typing import ClassVar

from textual import work

from loratui.dataset.caption_files import TriggerChanges, put_trigger_in_front
from loratui.dataset.folder_choice import absolute
from loratui.dataset.problems import counted
from loratui.dataset.tags import tag_counts
from loratui.profile.fields import why_not_plain
from loratui.shown_paths import shown_path
from loratui.tui.background import in_thread
from loratui.tui.dialogs import Ask, Choice, Entry, Pages
from loratui.tui.screens.pictures_changes import Change
from loratui.tui.screens.pictures_editing import PicturesEditing
from loratui.tui.screens.pictures_folder import FolderDialog, recent_folders, remember_folder
from loratui.tui.screens.pictures_list import PictureList
from loratui.tui.screens.pictures_tables import ProblemsTable, TagsTable, buckets_text, picture_of
from loratui.tui.screens.pictures_texts import help_text, nothing_text, plain_text
from loratui.tui.widgets.changing_lines import plain

_ABOUT_MISSING_CAPTIONS = {"missing-caption", "no-captions"}
_NEED_PICTURES = {"act", "next_without", "trigger", "tags", "buckets", "search"}


class PicturesScreen(PicturesEditing):
    """Step 3."""

    STEP: ClassVar[str] = "pictures"
    KEYS: ClassVar[tuple[str, ...]] = (
        "act:Edit",
        "next_without",
        "trigger",
        "tags",
        "buckets",
        "folder",
        "problems",
        "undo",
        "search",
        "refresh",
    )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer no key that could do nothing."""
        if action in _NEED_PICTURES:
            return bool(self.album.paths)
        if action == "problems":
            return bool(self.problems)
        return super().check_action(action, parameters)

    def keys_now(self) -> tuple[str, ...]:
        """`z` works always, and says so where nothing is left to take back; while something is it is named first."""
        edit, *others = (key for key in self.KEYS if key != "undo")
        return (edit, *["undo"] * bool(self.undo_label), *others)

    def focus_help(self) -> tuple[str, str]:
        """What the list and the text below it mean."""
        return "Pictures and captions", help_text(self.session.glyphs)

    def plain_text(self) -> str:
        """The whole list with captions and problems, or the lines that bring pictures here."""
        if not self.album.paths:
            return nothing_text(self._nothing)
        head = plain(self.head_lines(1 << 10)[:1])
        return plain_text(self.album, " ".join(head.split()), self.current, self.problems, self.session.glyphs)

    # Moving about

    def on_cursor_list_moved(self) -> None:
        """Show what is under the cursor now."""
        self.show_current()

    def on_cursor_list_all_wanted(self) -> None:
        """Esc in the list ends a search."""
        self.search("")

    def action_next_without(self) -> None:
        """Go to the next picture without a caption."""
        path = self.album.next_without_caption(self.current)
        if path is None:
            self.say("Every picture has a caption.", "good")
        else:
            self.query_one(PictureList).go_to(path)

    def action_refresh(self) -> None:
        """Look through the folder again."""
        self.look()

    def action_search(self) -> None:
        """Have a text typed that names or captions contain."""
        self.begin_search()

    # Dialogs

    @work(exit_on_error=False, group="dialog")
    async def action_folder(self) -> None:
        """Choose the folder with the pictures."""
        given = self.session.profile.dataset.path
        as_typed = shown_path(given) if given and str(absolute(shown_path(given))) == given else given
        dialog = FolderDialog(as_typed, recent_folders(self.session), self.session.glyphs)
        path = await self.app.push_screen_wait(dialog)
        if path is None:
            return
        complaint = self.session.change("dataset.path", path)
        if complaint:
            self.say(complaint, "error")
            return
        remember_folder(self.session, path)
        self.say(f"Pictures from {shown_path(path)}", "good")

    @work(exit_on_error=False, group="dialog")
    async def action_trigger(self) -> None:
        """Set the trigger word, and offer to write it into the captions."""
        text = (
            "A word that begins every caption, such as the character's name. Prompts then begin with it. Empty: none."
        )
        before = self.session.profile.dataset.trigger
        check = partial(_complaint, "dataset.trigger")
        word = await self.app.push_screen_wait(Entry("Trigger word", text, before, check=check))
        if word is None:
            return
        word = word.strip()
        paths = self.album.caption_paths
        changes = await in_thread(partial(put_trigger_in_front, paths if word else [], word))
        answer = await self._ask_to_write(word, changes, len(paths)) if changes.captions else "training"
        if answer is None:
            self.say(f"The trigger word is still {before}." if before else "No trigger word was set.")
        elif word != before and (complaint := self.session.change("dataset.trigger", word)):
            self.say(complaint, "error")
        elif answer == "files":
            count = counted(len(changes.captions), "caption")
            told = f"{word} is in front of {count} now; z takes it back."
            self.write(Change(changes.captions, changes.found, f"{word} in front of {count}", told))
        elif word and not changes.captions:
            self.say(
                self.album.told_of_trigger(word) + _left_alone(changes), "warning" if changes.left_alone else "good"
            )
        elif before and not word:
            self.say("No trigger word is put in front any more.")

    async def _ask_to_write(self, word: str, changes: TriggerChanges, files: int) -> str | None:
        """Whether the word is to be written into files; None for Esc."""
        captions, left = changes.captions, _left_alone(changes)
        count = counted(len(captions), "caption")
        lack = (
            f"{len(captions)} of {counted(files, 'caption file')} {'lacks' if len(captions) == 1 else 'lack'} {word}."
        )
        choices = (
            Choice("training", "Leave the files", f"{word} is put in front while training"),
            Choice("files", f"Write it into {count}", "for other tools too; z takes it back"),
        )
        return await self.app.push_screen_wait(Ask("Trigger word", lack + left, choices))

    @work(exit_on_error=False, group="dialog")
    async def action_problems(self) -> None:
        """List every problem with its fix; Enter goes to its picture."""
        problems = self.problems
        place = await self.app.push_screen_wait(ProblemsTable(problems, self.session.glyphs))
        if place is None:
            return
        path = picture_of(problems[place], self.album.paths)
        if path is None and problems[place].code in _ABOUT_MISSING_CAPTIONS:
            path = self.album.next_without_caption(None)
        if path is not None and not self.query_one(PictureList).go_to(path):
            self.search("")
            self.query_one(PictureList).go_to(path)

    @work(exit_on_error=False, group="dialog")
    async def action_tags(self) -> None:
        """Count the tags; Enter shows the pictures that have one."""
        captions = self.album.captions
        tags = tag_counts(captions)
        place = await self.app.push_screen_wait(TagsTable(tags, len(captions), self.session.glyphs))
        if place is not None:
            self.search(tags[place].tag)

    def action_buckets(self) -> None:
        """Show the sizes of the pictures and the buckets they are trained in."""
        if self.album.survey is None:
            self.say("The pictures are still being looked through.")
            return
        self.app.push_screen(Pages("Sizes and buckets", buckets_text(self.album.survey.report, self.session.glyphs)))


def _left_alone(changes: TriggerChanges) -> str:
    alone = len(changes.left_alone)
    return f" {counted(alone, 'file')} cannot be read or written and would be left alone." if alone else ""


def _complaint(field: str, text: str) -> str:
    reason = why_not_plain(text)
    return f"{field} {reason}" if reason else ""
