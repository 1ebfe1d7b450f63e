"""Failures that a stub cannot bring about: the disk, and networks that answer for somebody else."""

import errno
import json

import pytest

from loratui.hub.location import BaseLocation
from loratui.hub.refusals import base_model_error, is_hub_failure

BASE = BaseLocation("hub", "emi/base", repo_id="emi/base")


@pytest.mark.parametrize(
    ("failure", "what", "todo"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "not enough disk space for emi/base", "HF_HOME"),
        (PermissionError(errno.EACCES, "Permission denied", "/cache"), "/cache cannot be written", "HF_HOME"),
        (json.JSONDecodeError("Expecting value", "<html>", 0), "is not a Hugging Face hub", "sign-in page"),
        (ConnectionResetError(), "cannot be reached", "network"),
        (RuntimeError("hf_xet gave up"), "broke off (RuntimeError)", "Try again"),
    ],
)
def test_each_failure_has_its_sentence(failure: Exception, what: str, todo: str) -> None:
    assert is_hub_failure(failure)
    error = base_model_error(failure, BASE)
    assert what in error.what
    assert todo in error.todo


def test_our_own_mistakes_are_not_blamed_on_the_hub() -> None:
    assert not is_hub_failure(TypeError())
    assert not is_hub_failure(AssertionError())
