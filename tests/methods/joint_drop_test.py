"""`joint_drop` of every method: what is missing is filled in, nothing else."""

import gc

import keras
import numpy as np
import pytest

from tests import methods_contract_test as contract
from tf_poselift import schema
from tf_poselift.networks import completion


@pytest.fixture(autouse=True)
def release_memory_of_each_test():
    yield
    keras.utils.clear_session()
    gc.collect()


@pytest.mark.usefixtures("eagerly")
@contract.every_method
def test_joint_drop_changes_nothing_of_the_method(name):
    check_that_nothing_changes(name, jit_compile=False)


def test_joint_drop_changes_nothing_of_a_compiled_method():
    check_that_nothing_changes("kudo2018", jit_compile=True)


def check_that_nothing_changes(name, *, jit_compile):
    plain, _, plain_loop = contract.make(
        name, overrides=["joint_drop=0"], jit_compile=jit_compile
    )
    assert completion.NAME not in plain.networks
    method, _, training_loop = contract.make(name, jit_compile=jit_compile)
    before = method.networks[completion.NAME].get_weights()
    logs = contract.run(training_loop, 0, 3)
    plain_logs = contract.run(plain_loop, 0, 3)
    assert logs[completion.NAME] > 0.0
    assert plain_logs == {k: v for k, v in logs.items() if k in plain_logs}
    for owner, other in (
        (plain.networks, method.networks),
        (plain.optimizers, method.optimizers),
        (plain.averages, method.averages),
    ):
        for part, whole in owner.items():
            for a, b in zip(
                whole.variables, other[part].variables, strict=True
            ):
                np.testing.assert_array_equal(a, b)
    after = method.networks[completion.NAME].get_weights()
    assert all((a != b).any() for a, b in zip(before, after, strict=True))


@pytest.mark.usefixtures("eagerly")
@contract.every_method
def test_joint_drop_lifts_what_was_not_seen(name):
    table = contract.table_for()
    method, _, training_loop = contract.make(name, table)
    contract.run(training_loop, 0, 3)
    keypoints, scores = (np.copy(x) for x in contract.inputs(table, 4))
    whole = method.serve(keypoints, scores)[schema.JOINTS_3D].numpy()
    scores[1, 0] = 0.0
    scores[2, [3, 16]] = 0.0
    scores[3, 8:] = 0.0  # 8 of 17 are left
    missing = scores == 0.0
    keypoints[missing] = np.nan
    served = method.serve(keypoints, scores)
    joints = served[schema.JOINTS_3D].numpy()
    np.testing.assert_array_equal(served["valid"], True)
    assert np.isfinite(joints).all()
    np.testing.assert_allclose(joints[0], whole[0], atol=1e-5)
    np.testing.assert_array_equal(joints[1, 0], 0.0)
    assert (joints[2, [3, 16]] != 0.0).all()
    distance = np.linalg.norm(joints, axis=-1)[:, 1:]
    mean = [d[~m].mean() for d, m in zip(distance, missing[:, 1:], strict=True)]
    np.testing.assert_allclose(mean, 1.0, rtol=1e-4)
    # Too little to fill in: as without.
    del method.networks[completion.NAME]
    without = method.serve(keypoints, scores)
    np.testing.assert_array_equal(without["valid"], [True, False, True, True])
    np.testing.assert_allclose(
        joints[3], without[schema.JOINTS_3D][3], atol=1e-5
    )


@pytest.mark.parametrize("drop", ["-0.1", "0.6"])
def test_a_joint_drop_out_of_range_is_refused(drop):
    with pytest.raises(ValueError, match=r"`joint_drop` must be in \[0, 0.5\]"):
        contract.make("kudo2018", overrides=[f"joint_drop={drop}"])
