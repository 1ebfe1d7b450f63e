"""What is written down of a fault, and what is not."""

from pathlib import Path

from loratui.crash import without_tokens, write_crash_log


def _fault(text: str) -> Exception:
    try:
        raise RuntimeError(text)
    except RuntimeError as error:
        return error


def test_the_log_tells_the_whole_story_and_the_person_where_it_is(loratui_home: Path) -> None:
    told = write_crash_log(_fault("the cat sat on the keyboard"))
    [log] = (loratui_home / "data").glob("crash-*.log")
    assert str(log) in told.todo
    assert "the cat sat on the keyboard" in log.read_text()
    assert "test_crash.py" in log.read_text()


def test_no_token_is_written_down(loratui_home: Path) -> None:
    told = write_crash_log(_fault("401 for hf_abcdefghijKLMNOP"))
    [log] = (loratui_home / "data").glob("crash-*.log")
    assert "abcdefghij" not in log.read_text() + str(told)


def test_without_a_place_for_the_log_the_person_still_hears_and_no_token_is_said(loratui_home: Path) -> None:
    loratui_home.write_text("a file where the directory should be")
    told = write_crash_log(_fault("401 for hf_abcdefghijKLMNOP"))
    assert "RuntimeError: 401" in told.what
    assert "abcdefghij" not in str(told)


def test_tokens_are_taken_out_of_any_text() -> None:
    assert without_tokens("hf_abcdefghijKLMNOP,\nhf_0123456789.") == "hf_…,\nhf_…."
    assert without_tokens("an hf_ alone") == "an hf_ alone"
