"""Threads of the wizard: none is waited for at the end, and few wait for a disk that does not answer."""

import ast
import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.message import Message
from textual.worker import Worker, get_current_worker

import loratui.tui
from loratui.tui.background import OneAtATime, are_near, in_thread, threaded
from loratui.tui.type_ahead import TypeAhead
from tests.patient_pilot import driven

TUI = Path(loratui.tui.__file__).parent
# The program's end, where the event loop is gone, and the one place that begins threads.
THREADS_OF_THEIR_OWN = {"background.py", "start.py"}


def calls_of(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]


@pytest.mark.parametrize("path", sorted(TUI.rglob("*.py")), ids=lambda path: str(path.relative_to(TUI)))
def test_no_thread_is_begun_that_the_end_of_the_program_waits_for(path: Path) -> None:
    for call in calls_of(path):
        name = ast.unparse(call.func).rpartition(".")[2]
        assert name not in ("to_thread", "run_in_executor", "ThreadPoolExecutor"), ast.unparse(call)
        assert not any(keyword.arg == "thread" for keyword in call.keywords), ast.unparse(call)
        assert name != "Thread" or path.name in THREADS_OF_THEIR_OWN, ast.unparse(call)


class Disk:
    """Answers questions once it may."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.asked: list[str] = []

    def look(self, path: str) -> str:
        """The path, as soon as the disk answers; one below /here is answered at once."""
        self.asked.append(path)
        if not path.startswith("/here"):
            assert self.may_answer.wait(10)
        return path


async def come_to(condition: object) -> None:
    async with asyncio.timeout(10):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.001)


async def test_what_a_thread_answers_or_raises_comes_back() -> None:
    assert await in_thread(lambda: threading.current_thread().daemon)
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0)


async def test_letters_of_one_path_hold_one_thread_and_a_path_elsewhere_does_not_wait() -> None:
    disk, line = Disk(), OneAtATime()
    letters = ["/dead/a", "/dead/ab", "/dead/ab/c"]
    tasks = [asyncio.create_task(line.ask(lambda path=path: disk.look(path), path)) for path in letters]  # type: ignore[misc]
    await come_to(lambda: disk.asked)
    assert await line.ask(lambda: disk.look("/here/emi"), "/here/emi") == "/here/emi"
    tasks[0].cancel()
    tasks[1].cancel()
    await asyncio.gather(*tasks[:2], return_exceptions=True)
    assert disk.asked == ["/dead/a", "/here/emi"]
    disk.may_answer.set()
    assert await tasks[2] == "/dead/ab/c"
    # The one that was cancelled while it waited for its turn was never asked.
    assert disk.asked == ["/dead/a", "/here/emi", "/dead/ab/c"]


@pytest.mark.parametrize(
    ("path", "other", "near"),
    [
        ("/mnt/nas/emi", "/mnt/nas/ada", True),
        ("/mnt/nas/emi/day", "/mnt/nas/ada", True),
        ("/m", "/mnt/nas", True),
        ("/home/emi", "/mnt/nas", False),
        ("demo", "/mnt/nas", False),
        ("", "/mnt/nas", False),
        ("/mnt", "/home", False),
    ],
)
def test_paths_are_near_where_one_may_lie_on_the_disk_of_the_other(path: str, other: str, near: bool) -> None:
    assert are_near((path,), (other,)) is near
    assert are_near((other,), (path,)) is near
    assert are_near((), (other,))
    assert not are_near((path, "/here/x"), (other, "/there/y"))


class Looked(Message):
    def __init__(self, path: str, was_cancelled: bool) -> None:
        super().__init__()
        self.path, self.was_cancelled = path, was_cancelled


class Looking(TypeAhead):
    """Looks at paths."""

    def __init__(self, disk: Disk) -> None:
        super().__init__()
        self.disk = disk
        self.looked: list[tuple[str, bool]] = []
        self.states: list[tuple[str, Exception | None]] = []

    @threaded(exclusive=True, group="look")
    def look(self, path: str) -> str:
        """Look at a path."""
        self.post_message(Looked(self.disk.look(path), get_current_worker().is_cancelled))
        return path

    @threaded(group="fail")
    def fail(self) -> None:
        """Meet a fault."""
        raise ValueError("fault")

    def on_looked(self, message: Looked) -> None:
        """Note it."""
        self.looked.append((message.path, message.was_cancelled))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Note it."""
        error = event.worker.error
        self.states.append((event.state.name, error if isinstance(error, Exception) else None))


@asynccontextmanager
async def looking(disk: Disk) -> AsyncIterator[Looking]:
    app = Looking(disk)
    async with driven(app):
        yield app


async def test_of_exclusive_looks_only_the_latest_goes_on_and_the_one_before_is_told() -> None:
    disk = Disk()
    async with looking(disk) as app:
        first = app.look("/dead/1")
        await come_to(lambda: disk.asked)
        second, third = app.look("/dead/2"), app.look("/dead/3")
        await come_to(lambda: first.is_finished)
        assert first.is_cancelled
        assert second.is_cancelled
        assert not third.is_finished
        disk.may_answer.set()
        assert await third.wait() == "/dead/3"
        await come_to(lambda: len(app.looked) == 2)
    assert disk.asked == ["/dead/1", "/dead/3"]
    assert app.looked == [("/dead/1", True), ("/dead/3", False)]


async def test_a_fault_in_a_thread_ends_its_worker_and_not_the_app() -> None:
    async with looking(Disk()) as app:
        worker = app.fail()
        await come_to(lambda: worker.is_finished)
        await come_to(lambda: any(name == "ERROR" for name, _ in app.states))
        assert isinstance(worker.error, ValueError)
        assert app.is_running


async def test_the_app_ends_while_a_thread_waits_for_a_disk() -> None:
    disk = Disk()
    async with looking(disk) as app:
        app.look("/dead/1")
        await come_to(lambda: disk.asked)
    assert not disk.may_answer.is_set()
    disk.may_answer.set()
