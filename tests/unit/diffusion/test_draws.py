"""Draws are functions of their arguments and nothing else."""

import torch

from loratui.diffusion import draws


def test_the_same_arguments_draw_the_same_numbers() -> None:
    first = draws.normal((4, 8), 42, "noise", 3, 1)
    torch.manual_seed(0)
    torch.rand(100)
    assert torch.equal(first, draws.normal((4, 8), 42, "noise", 3, 1))


def test_seed_purpose_and_position_each_matter() -> None:
    reference = draws.normal((4, 8), 42, "noise", 3, 1)
    for other in ((43, "noise", 3, 1), (42, "vae", 3, 1), (42, "noise", 1, 3), (42, "noise", 3, 2), (42, "noise", 31)):
        assert not torch.equal(reference, draws.normal((4, 8), *other))


def test_numbers_do_not_change_between_versions() -> None:
    """A stored value: a change here would break the promise that a seed means the same training tomorrow."""
    assert [draws.integer(1000, 42, "timestep", step, 0) for step in range(5)] == STORED


def test_draws_leave_the_global_generator_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    draws.normal((2,), 1, "noise", 0)
    draws.integer(10, 1, "timestep", 0)
    assert torch.equal(torch.rand(3), expected)


STORED = [388, 728, 905, 315, 667]
