"""The smoothed line, and steps that are taken again."""

import pytest

from loratui.tui.loss_curve import GrowingCurve


def test_the_first_smoothed_loss_is_the_loss_itself() -> None:
    curve = GrowingCurve()
    curve.add(1, 0.3)

    assert curve.taken().smoothed == (0.3,)
    assert curve.latest == 0.3


def test_smoothing_evens_out_noise_and_follows_the_level() -> None:
    curve = GrowingCurve()
    for step in range(1, 401):
        curve.add(step, (1.0 if step <= 200 else 0.5) + (0.2 if step % 2 else -0.2))
    smoothed = curve.taken().smoothed

    assert smoothed[199] == pytest.approx(1.0, abs=0.05)
    assert smoothed[399] == pytest.approx(0.5, abs=0.05)


def test_steps_that_are_taken_again_replace_the_old_ones() -> None:
    curve = GrowingCurve()
    for step in range(1, 21):
        curve.add(step, 1.0)
    curve.add_validation(10, 0.9)
    curve.add_validation(20, 0.8)
    curve.forget_after(10)
    curve.add(11, 0.1)
    taken = curve.taken()

    assert taken.steps == tuple(range(1, 12))
    assert taken.raw == (1.0,) * 10 + (0.1,)
    assert taken.validation == ((10, 0.9),)
    assert len(taken.smoothed) == 11


def test_what_was_taken_does_not_change_later() -> None:
    curve = GrowingCurve()
    curve.add(1, 0.3)
    taken = curve.taken()
    assert curve.is_taken
    curve.add(2, 0.2)

    assert taken.steps == (1,)
    assert not curve.is_taken
