"""One combined question to the terminal, and its answers picked out of what a person types. Pure; knows no files.

The answers arrive on the line that keys arrive on, in pieces and perhaps seconds late; none may ever count as a key.
"""

import re
from dataclasses import replace

from loratui.environment.terminal import PROBED_SIGNS, Answers

# A row of its own: in row 1 a cursor's position reads like a function key.
_ROW = 2
_KITTY = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"

_LONGEST = 256
_REPLY = re.compile(
    r"\x1b\[\?(?P<attributes>[0-9;]*)c"
    r"|\x1b\[6;(?P<height>[0-9]{1,5});(?P<width>[0-9]{1,5})t"
    rf"|\x1b\[{_ROW};(?P<column>[0-9]{{1,5}})R"
    rf"|\x1b_G(?P<kitty>[^\x1b]{{0,{_LONGEST}}})\x1b\\"
    rf"|\x1bP>\|(?P<name>[^\x1b]{{0,{_LONGEST}}})\x1b\\"
)
# The beginning of an answer that no key begins like, and one that a key might.
_SURELY = re.compile(
    rf"\x1b(\[\?[0-9;]{{0,{_LONGEST}}}|\[6;[0-9]{{1,5}};[0-9]{{0,5}}"
    rf"|_G[^\x1b]{{0,{_LONGEST}}}\x1b?|P>\|?|P>\|[^\x1b]{{0,{_LONGEST}}}\x1b?)"
)
_PERHAPS = re.compile(rf"\x1b(\[(6(;[0-9]{{0,5}})?|{_ROW}(;[0-9]{{0,5}})?)?|_|P)?")
_SECONDS_SURELY = 5.0
_SECONDS_PERHAPS = 0.5
# Esc alone is a key that should be quick; it is held only while answers are awaited.
_SECONDS_ESCAPE = 0.15
_SECONDS_AWAITED = 30.0
# What tmux passes on comes after its own answers.
_SECONDS_AFTER_THE_LAST = 1.0


def question(tmux: bool = False) -> str:
    """The combined question, to be sent before anything is painted: it wipes what it has drawn.

    Asks for the columns of some signs, kitty's protocol, the size of a cell, the terminal's name, and last its
    attributes, which all terminals know and which end the answer.

    Args:
        tmux: Whether tmux has to be asked to pass the question for kitty's protocol on.
    """
    kitty = "\x1bPtmux;" + _KITTY.replace("\x1b", "\x1b\x1b") + "\x1b\\" if tmux else _KITTY
    return f"\x1b[{_ROW};1H{PROBED_SIGNS}\x1b[6n{kitty}\x1b[16t\x1b[>0q\x1b[c\x1b[{_ROW};1H\x1b[J"


class AnswerFilter:
    """Divides what the terminal sends into keys and answers.

    Attributes:
        answers: What was answered so far.
    """

    def __init__(self) -> None:
        self.answers = Answers()
        self._held = ""
        self._held_since = 0.0
        self._awaited_until = 0.0

    def asked(self, now: float) -> None:
        """The question has been sent."""
        self._awaited_until = now + _SECONDS_AWAITED

    def feed(self, text: str, now: float) -> str:
        """Take what was read; returns what a person has typed of it.

        Args:
            text: What the terminal sent.
            now: A time in seconds.
        """
        text, self._held = self._held + text, ""
        typed, position = [], 0
        while (escape := text.find("\x1b", position)) >= 0:
            typed.append(text[position:escape])
            if reply := _REPLY.match(text, escape):
                self._heard(reply, now)
                position = reply.end()
            elif self._patience(text[escape:], now):
                self._held, self._held_since = text[escape:], now
                return "".join(typed)
            else:
                typed.append("\x1b")
                position = escape + 1
        return "".join([*typed, text[position:]])

    def release(self, now: float) -> str:
        """What was held back for an answer that has not come, when it has waited long enough; otherwise ""."""
        if not self._held or now - self._held_since < self._patience(self._held, now):
            return ""
        held, self._held = self._held, ""
        # The beginning of an answer whose end never comes means nothing to anybody.
        return "" if _SURELY.fullmatch(held) else held

    def _patience(self, beginning: str, now: float) -> float:
        """Seconds to wait for the rest of what may be an answer; 0 for what cannot be one."""
        if _SURELY.fullmatch(beginning):
            return _SECONDS_SURELY
        if not _PERHAPS.fullmatch(beginning):
            return 0.0
        if beginning != "\x1b":
            return _SECONDS_PERHAPS
        return _SECONDS_ESCAPE if now < self._awaited_until else 0.0

    def _heard(self, reply: re.Match[str], now: float) -> None:
        said, answers = reply.groupdict(), self.answers
        if said["attributes"] is not None:
            answers = replace(answers, sixel="4" in said["attributes"].split(";")[1:], complete=True)
            self._awaited_until = min(self._awaited_until, now + _SECONDS_AFTER_THE_LAST)
        elif said["column"] is not None:
            answers = replace(answers, sign_columns=int(said["column"]) - 1)
        elif said["height"] is not None:
            size = int(said["width"]), int(said["height"])
            answers = replace(answers, cell=size if min(size) > 0 else None)
        elif said["kitty"] is not None:
            answers = replace(answers, kitty=said["kitty"].endswith(";OK"))
        else:
            answers = replace(answers, name=said["name"])
        self.answers = answers
