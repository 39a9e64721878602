"""How many steps a call takes, from how long those before took."""

import itertools
import types

import pytest

from tf_poselift.training import pace as pace_lib
from tf_poselift.training import workers


@pytest.fixture
def clock(monkeypatch):
    """Makes the n-th call of the loop take `seconds[n]`."""

    def use(*seconds):
        ends = itertools.accumulate(
            itertools.chain.from_iterable((0.0, s) for s in seconds)
        )
        clock = types.SimpleNamespace(monotonic=lambda: next(ends))
        monkeypatch.setattr(pace_lib, "time", clock)

    return use


def counts(pace, calls: int) -> list[int]:
    found = []
    for _ in range(calls):
        found.append(pace.count())
        with pace.measured(found[-1]):
            pass
    return found


def test_the_first_call_does_not_tell_and_slow_steps_are_few(clock):
    clock(60.0, 0.5, 5.0, 20.0, 5.0)  # 60 s: compiles; then the machine slows
    pace = pace_lib.Pace(workers.Workers(None))
    assert counts(pace, 5) == [1, 1, 10, 10, 2]


def test_a_step_that_is_slower_than_a_call_is_taken_alone(clock):
    clock(60.0, 9.0, 9.0)
    assert counts(pace_lib.Pace(workers.Workers(None)), 3) == [1, 1, 1]


def test_steps_that_take_no_time_are_counted_all_the_same(clock):
    clock(60.0, 0.0, 0.0)
    assert counts(pace_lib.Pace(workers.Workers(None)), 3)[2] > 1000
