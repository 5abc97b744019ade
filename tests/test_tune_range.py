"""The trials of the range test: where they look, and which rate they suggest."""

import numpy as np
import pytest

from adaptive_tx.tune.training import trials


def valley(best: float, calls: list):
    """Losses that are least at a rate, and infinite from a decade above."""

    def ends(rates):
        calls.append(rates)
        losses = np.square(np.log10(rates / best))
        return np.where(rates > 10 * best, np.nan, losses)

    return ends


@pytest.mark.parametrize("away", [-4.0, -1.0, 0.0, 0.3, 2.0, 5.0])
def test_trials_go_on_until_the_best_lies_inside(away):
    """However far below or above the edge it is; once if that is near."""
    calls = []
    rates, losses = trials.trials(valley(10**away, calls), 1.0)
    assert np.all(np.diff(np.log10(rates)) > 0.3) and np.all(np.diff(np.log10(rates)) < 0.35)
    assert {len(call) for call in calls} == {trials.AT_ONCE}
    assert (len(calls) == 1) == (-2.3 < away < 0)
    suggested = trials.best_of(rates, losses, 4.0)
    assert abs(np.log10(suggested) - away) < trials.APART


def test_the_middle_of_what_is_as_good():
    rates = 10.0 ** np.arange(-4, 3)
    losses = np.array([9.0, 1.0, 0.1, 0.1001, 0.1, 0.4, np.nan])
    assert np.isclose(trials.best_of(rates, losses, 10.0), 1e-1)
    losses[3] = 0.5  # no longer one stretch: the first of the best counts
    assert np.isclose(trials.best_of(rates, losses, 10.0), 1e-2)
    with pytest.raises(ValueError, match="^rate_range_test: every run .* down to 0.0001"):
        trials.best_of(rates, np.full(7, np.nan), 10.0)
