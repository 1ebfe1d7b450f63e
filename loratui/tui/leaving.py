"""The ways out of the program: a person leaves, a signal comes, something fails. The terminal is always given back."""

import asyncio

from rich.segment import Segments
from rich.text import Text
from textual import work
from textual.app import App
from textual.worker import Worker, WorkerFailed, WorkerState

from loratui.crash import write_crash_log
from loratui.errors import LoratuiError
from loratui.tui.frame import StepScreen
from loratui.tui.session import Session


class Leaving(App[int]):
    """The app as far as it can be left.

    Attributes:
        session: What the screens look at.
        terminal_title: What the terminal's title shows.
    """

    session: Session
    terminal_title = ""

    @property
    def step_screen(self) -> StepScreen | None:
        """The step in front, behind any dialog."""
        screen = self.screen_stack[0] if self.screen_stack else None
        return screen if isinstance(screen, StepScreen) else None

    def set_title_text(self, text: str) -> None:
        """Show a text in the terminal's title; "" gives the name of the program."""
        title = text or "loratui"
        # Not Textual's own title, whose every change paints the whole screen anew.
        if self.terminal_title != title:
            self.terminal_title = title
            setter = getattr(self._driver, "set_title", None)
            if setter is not None:
                setter(title)

    def show_error(self, error: LoratuiError) -> None:
        """Say what happened and what to do, in front of everything."""
        from loratui.tui.dialogs import Pages

        self.push_screen(Pages("That did not work", f"{error.what}\n\n{error.todo}".rstrip()))

    async def action_quit(self) -> None:
        """Leave; with a run alive ask what shall become of it."""
        if not self._is_leaving:
            self._quit(always_ask=False)

    def action_ask_to_quit(self) -> None:
        """Leave, as whoever presses Ctrl+C may mean, or may have meant to copy."""
        if not self._is_leaving:
            self._quit(always_ask=True)

    @property
    def _is_leaving(self) -> bool:
        """Whether it is being asked, or looked for what is alive."""
        return any(worker.group == "quit" and not worker.is_finished for worker in self.workers)

    @work(exclusive=True, group="quit", exit_on_error=False)
    async def _quit(self, always_ask: bool) -> None:
        from loratui.tui.quitting import ask_and_quit, ask_in_spite_of

        try:
            await self._finish_editing()
            await ask_and_quit(self, self.session, always_ask)
        except Exception as error:  # whatever cannot be found out, a person has to be able to leave
            await ask_in_spite_of(self, error)

    def leave(self, code: int = 0, message: str = "") -> None:
        """End the program with an exit code, and words that stay in the terminal."""
        self.set_title_text("")
        self.exit(code, return_code=code, message=message or None)

    def leave_from_signal(self, code: int) -> None:
        """End the program from a signal handler, which may interrupt the event loop anywhere."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._leave_soon, code)

    @work(exclusive=True, group="leave", exit_on_error=False)
    async def _leave_soon(self, code: int) -> None:
        await self._finish_editing()
        self.leave(code)

    async def _finish_editing(self) -> None:
        """Have every step keep what was typed there, also where it is still being written behind another one."""
        screens = [screen for stack in self._screen_stacks.values() for screen in stack if screen.is_mounted]
        await asyncio.gather(*(screen.finish_editing() for screen in screens if isinstance(screen, StepScreen)))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Say that something in the background failed unexpectedly."""
        error = event.worker.error
        if event.state is WorkerState.ERROR and error is not None and self.step_screen is not None:
            told = write_crash_log(error)
            self.step_screen.say(f"{told.what} {told.todo}", "error")

    def _handle_exception(self, error: Exception) -> None:
        """A fault while the program is being left, as of a dialog that never came up, is nobody's concern."""
        if not self._exit:
            super()._handle_exception(error.error if isinstance(error, WorkerFailed) else error)  # type: ignore[arg-type]

    def _fatal_error(self) -> None:
        """A fault of the program: a sentence and the path of the log, never a traceback on the screen."""
        error = self._exception
        told = write_crash_log(error) if error is not None else LoratuiError("loratui itself failed.")
        self._exit_renderables.append(Segments(self.console.render(Text(str(told)))))
        self._close_messages_no_wait()
