"""Weights on states: A1111's formula, row by row."""

import pytest
import torch

from loratui.diffusion.emphasis_states import apply_emphasis


def states(rows: int, *, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, 77, 16, generator=torch.Generator().manual_seed(seed)) + 0.1


def weights(*changes: dict[int, float]) -> torch.Tensor:
    values = torch.ones(len(changes), 77)
    for row, change in enumerate(changes):
        for token, weight in change.items():
            values[row, token] = weight
    return values


def test_a_row_alone_is_what_a1111_makes_of_it() -> None:
    before, factors = states(1), weights({3: 1.2, 4: 1.2, 9: 0.5, 10: -1.0})
    weighted = before * factors.unsqueeze(-1)
    torch.testing.assert_close(
        apply_emphasis(before, factors), weighted * (before.mean() / weighted.mean()), rtol=1e-5, atol=1e-6
    )


def test_a_row_does_not_depend_on_the_rows_beside_it() -> None:
    before, factors = states(3), weights({3: 1.5}, {}, {5: 0.2, 6: -2.0})
    together = apply_emphasis(before, factors)
    for row in range(3):
        torch.testing.assert_close(together[row], apply_emphasis(before[row : row + 1], factors[row : row + 1])[0])
    assert not torch.equal(together[0], before[0])


def test_the_mean_of_each_row_is_restored() -> None:
    before = states(2)
    after = apply_emphasis(before, weights({1: 1.4}, {2: 0.6}))
    torch.testing.assert_close(after.mean(dim=(1, 2)), before.mean(dim=(1, 2)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_rows_without_weights_stay_bit_for_bit(dtype: torch.dtype) -> None:
    before = states(2).to(dtype)
    assert apply_emphasis(before, weights({}, {})) is before
    after = apply_emphasis(before, weights({}, {7: 1.3}))
    assert after.dtype is dtype
    assert torch.equal(after[0], before[0])
    assert not torch.equal(after[1], before[1])


def test_states_whose_mean_is_nought_stay_finite() -> None:
    assert torch.equal(apply_emphasis(torch.zeros(1, 77, 4), weights({1: 2.0})), torch.zeros(1, 77, 4))
    assert apply_emphasis(states(1).half(), weights({1: 1e6})).isfinite().all()
