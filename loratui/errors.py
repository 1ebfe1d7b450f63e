"""What goes wrong, said to a person: one exception class per domain, each with what happened and what to do.

Nothing here knows how an error is shown; `cli.py` and the wizard catch `LoratuiError` in one place each.
"""


class LoratuiError(Exception):
    """Something a person can understand and act upon.

    Args:
        what: One sentence that says what happened and where.
        todo: One sentence that says what to try; may be empty where nothing can be advised.
    """

    exit_code = 2

    def __init__(self, what: str, todo: str = "") -> None:
        super().__init__(what, todo)
        self.what = what
        self.todo = todo

    def __str__(self) -> str:
        return f"{self.what}\n  {self.todo}" if self.todo else self.what


class ProfileError(LoratuiError):
    """A profile cannot be read, found, or accepted."""


class DatasetError(LoratuiError):
    """Pictures or captions cannot be used."""


class BaseModelError(LoratuiError):
    """The base model cannot be found, reached, or understood."""


class AccountError(LoratuiError):
    """Signing in to Hugging Face did not work."""


class LoraFileError(LoratuiError):
    """A LoRA file cannot be read or written."""


class RunError(LoratuiError):
    """A run directory or its worker cannot be used."""


class ComputerError(LoratuiError):
    """This computer, or a program on it, does not do what is needed."""


class GenerationError(LoratuiError):
    """A comparison cannot be drawn as asked."""


class TrainingError(LoratuiError):
    """Training itself failed; the input was accepted."""

    exit_code = 1
