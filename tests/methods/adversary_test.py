"""A gradient taken from the critic's backward pass is that of the loss."""

import dataclasses

import numpy as np
import pytest

from tests import methods_contract_test as contract

EVERYTHING = (
    "perspective=True",
    "tilt=True",
    "lift_again_weight=1",
    "labelled_share=0.3",
)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("kudo2018", ()),
        ("kudo2018", ("saturating=True",)),
        ("kudo2018", ("facing_weight=0",)),  # the lifter has no other term
        ("kudo2018", EVERYTHING),
        ("svma2021", ()),
        ("svma2021", ("adversarial_weight=0.3", "svma=False")),
        ("tipsy_gan2022", ()),
        ("tipsy_gan2022", ("facing_weight=1", "labelled_share=0.3")),
        ("tipsy_gan2022", ("legs_adversarial_weight=0",)),
        ("tipsy_gan2022", ("norm=layer", "continuous_weight=1")),
        ("tipsy_gan2022", ("stage=solo",)),
        ("yu2021", ()),
        ("yu2021", ("lifter_steps=0", "labelled_share=0.3")),
        ("yu2021", ("adversarial_weight=0.3", "scale=none")),
    ],
)
def test_gradients_are_those_of_each_loss_by_itself(name, overrides):
    table = contract.table_for()
    method, sampler, _ = contract.make(name, table, overrides=overrides)
    batch = sampler.draw(0)
    update = method.traceable_gradients(batch)

    split = method.objectives

    def each_by_itself(batch):
        objectives = split(batch)
        assert objectives.adversary is not None
        return dataclasses.replace(objectives, adversary=None)

    method.objectives = each_by_itself
    expected = method.traceable_gradients(batch)

    assert update.gradients.keys() == expected.gradients.keys()
    for network, gradients in expected.gradients.items():
        # That of a bias before batch norm is 0, but for rounding.
        scale = max(np.abs(want).max() for want in gradients)
        for got, want in zip(update.gradients[network], gradients, strict=True):
            np.testing.assert_allclose(got, want, rtol=0.0, atol=1e-5 * scale)
    for log, value in expected.logs.items():
        np.testing.assert_array_equal(update.logs[log], value)
