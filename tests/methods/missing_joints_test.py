"""A joint that nobody sees is in no term of any method."""

import dataclasses
import gc

import keras
import numpy as np
import pytest

from tests import methods_contract_test as contract
from tf_poselift import methods
from tf_poselift import schema
from tf_poselift.networks import parts

# A shoulder: its bones have a mirror image, and the facing rule needs it.
UNSEEN = 11
CASES = [(name, ()) for name in methods.names()]
CASES += [  # with terms that are off by default
    (
        "kudo2018",
        ("tilt=1", "perspective=1", "renormalize=1", "lift_again_weight=1"),
    ),
    ("tipsy_gan2022", ("stage=solo", "norm=layer", "continuous_weight=1")),
    ("yu2021", ("facing_weight=1", "scale=on_3d", "lifter_steps=0")),
]


@pytest.fixture(autouse=True)
def release_memory_of_each_test():
    yield
    keras.utils.clear_session()
    gc.collect()


def make(name, options, *, away):
    """A method and a batch in which the joint lies `away` from its place."""
    table = contract.table_for()
    arrays = {
        key: np.copy(getattr(table, key))
        for key in (
            schema.KEYPOINTS_2D,
            schema.SCORES,
            schema.JOINTS_3D,
            schema.JOINTS_3D_VALID,
        )
    }
    for key in (schema.KEYPOINTS_2D, schema.JOINTS_3D):
        arrays[key][:, :, UNSEEN] += away
    for key in (schema.SCORES, schema.JOINTS_3D_VALID):
        arrays[key][:, :, UNSEEN] = 0
    method, sampler, _ = contract.make(
        name, dataclasses.replace(table, **arrays), overrides=options
    )
    return method, sampler.draw(0)


def answer_otherwise(method):
    """Adds to what the lifter answers for the joint, another sum per pose."""
    lifter, joints = method.lifter, range(method.skeleton.num_joints)
    if hasattr(method.config, "stage"):  # TIPSy-GAN: a lifter of some joints
        of_part = parts.of_body(method.skeleton, method.config.stage)
        (part,) = [name for name in of_part if UNSEEN in of_part[name]]
        lifter, joints = method.networks[part], of_part[part]
    last = lifter.depth if hasattr(lifter, "depth") else lifter.last
    for weight, more in ((last.kernel, 0.3), (last.bias, 0.7)):
        of_joints = weight.numpy().reshape(*weight.shape[:-1], len(joints), -1)
        of_joints[..., joints.index(UNSEEN), :] += more
        weight.assign(of_joints.reshape(weight.shape))


def answers(method):
    """What is served of the joint where it is seen."""
    served = method.serve(*contract.inputs(contract.table_for(), 4))
    return served[schema.JOINTS_3D].numpy()[:, UNSEEN]


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(("name", "options"), CASES)
def test_a_joint_that_nobody_sees_is_in_no_term(name, options):
    method, batch = make(name, options, away=0.0)
    other, other_batch = make(name, options, away=300.0)
    answer_otherwise(other)
    logs = method.gradients(batch).logs
    for term, value in other.gradients(other_batch).logs.items():
        np.testing.assert_allclose(value, logs[term], rtol=1e-4, err_msg=term)
    # Half of the facing rule says nothing.
    assert float(logs.get("facing", 0.0)) == 0.0
    difference = np.abs(answers(other) - answers(method)).max(axis=-1)
    assert (difference > 1e-4).all()
