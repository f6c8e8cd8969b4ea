"""Compaction over random nets: the same function, never larger, nothing left to remove."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_nets import Net

from nasturtium.compaction import compact, verify


def check(seed: int, seen: Counter) -> None:
    """Compact the net of one seed and hold it to every invariant; count what it exercised."""
    net = Net(seed)
    model = net.build()
    before = [value.copy() for value in model.get_weights()]
    result = compact(model)

    assert verify(model, result.model, tolerance=1e-5, seed=seed % 2**16) <= 1e-5
    assert result.params_after <= result.params_before
    assert [layer.name for layer in result.model.layers] == [layer.name for layer in model.layers]
    assert result.model.input_names == model.input_names
    assert result.model.output_names == model.output_names
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    if not result.removed_channels:
        assert result.params_after == result.params_before

    shape = (2, *model.input_shape[1:])
    outputs = model(np.random.default_rng(seed).standard_normal(shape), training=False)
    depends = any(
        not np.allclose(output[0], output[1], rtol=1e-4, atol=1e-7)
        for output in (outputs if isinstance(outputs, list) else [outputs])
    )
    seen["nets"] += 1
    seen["removed"] += bool(result.removed_channels)
    seen["depends"] += depends
    seen["removed and depends"] += bool(result.removed_channels) and depends
    seen[net.kind] += 1


def sweep(examples: int) -> Counter:
    seen: Counter = Counter()

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**32 - 1))
    def run(seed):
        check(seed, seen)

    run()
    return seen


@pytest.mark.parametrize("examples", [70, pytest.param(400, marks=pytest.mark.long)])
def test_compaction_is_exact_and_complete_over_random_nets(examples):
    seen = sweep(examples)
    assert seen["nets"] >= 0.9 * examples
    assert len(seen) == 4 + 8, "every kind of net was seen"
    assert seen["removed and depends"] >= seen["nets"] / 2, dict(seen)
