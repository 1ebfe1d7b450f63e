"""The help of Train, for what it shows now."""

from loratui.tui.moment import Moment

_PLAN = """\
This is what a training would do with the profile as it is saved. Nothing has been written yet.

Enter looks through the pictures once more, brings a base that is missing, writes the run and starts it. From then on \
the run needs neither this program nor the terminal. With another run at work on the same GPU it waits for its turn.

A line with ! is worth a look before the start; the number in it is the key of the step that shows it."""

_RUN = """\
The first line says where the training is; the time left follows the pace of the last half minute.

loss is that of the latest step, and jumps: each step sees other pictures at other noise. smoothed is its mean over \
the last steps, the line in the chart. validation, marked o, is measured after each epoch with the same noise every \
time, so its fall is what tells that something is learnt. Where it begins to rise, an earlier epoch may be the better \
one. lr is the learning rate.

VRAM is what all programs use of the card together. "peak of this run" is what the training itself needed at most; it \
should stay under the card's size. load below 90 % for long means that something else holds the training up."""

_OVER = """\
The files stay where they are, whatever becomes of the run. 6 tries the LoRA at rising strength.

A run that was stopped or interrupted goes on where it was saved, with the profile as it was when it began; A begins a \
new one with the profile as it is now. A run that failed says why above, and its log says more: l."""


def help_of(moment: Moment | None, without_gpu: str) -> tuple[str, str]:
    """Title and text for what is shown.

    Args:
        without_gpu: Why there are no gauges of a GPU, a sentence; "" where there are.
    """
    if moment is None:
        return "Before the training", _PLAN
    if not moment.is_busy:
        return "After the training", _OVER
    return "While it trains", f"{_RUN}\n\n{without_gpu}".rstrip()
