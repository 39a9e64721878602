import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import skeletons
from tf_poselift.networks import completion

SKELETON = skeletons.load("human36m_17")
JOINTS = SKELETON.num_joints
NAMES = SKELETON.joints
# Joint c lies opposite to a, e and f opposite to b and d; g never is there.
LINE = skeletons.from_dict(
    {
        "name": "line",
        "joints": {
            "a": None,
            "b": "a",
            "c": "a",
            "d": "b",
            "e": "b",
            "f": "d",
            "g": "a",
        },
    }  # fmt: skip
)


def poses(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints of `LINE` in pixels, and scores."""
    free = np.random.default_rng(seed).normal(size=(count, 3, 2))
    a, b, d = np.moveaxis(free, 1, 0)
    points = np.stack([a, b, -a, d, -b, -d, np.full_like(a, np.nan)], axis=1)
    scores = np.ones((count, 7), np.float32)
    scores[:, 6] = 0.0
    return np.float32(500.0 + 80.0 * points), scores


def trained(steps: int = 600):
    network = completion.build(7, seed=3)
    network(tf.zeros([1, completion.num_features(LINE)]))
    adam = keras.optimizers.Adam(2e-3)
    adam.build(network.trainable_variables)

    @tf.function
    def step(keypoints, scores, draws):
        with tf.GradientTape() as tape:
            error = completion.error(
                network, keypoints, scores, draws, skeleton=LINE, drop=0.15
            )
            loss = tf.reduce_mean(error)
        adam.apply(tape.gradient(loss, network.trainable_variables))
        return loss

    for i in range(steps):
        draws = np.random.default_rng(i).random((256, 9), np.float32)
        loss = step(*map(tf.constant, (*poses(256, i), draws)))
    assert np.isfinite(loss)
    return network


@pytest.fixture(scope="module")
def network():
    return trained()


def network_of_17():
    """Not trained, but as if it were: every joint has been there."""
    network = completion.build(JOINTS, seed=1)
    network(tf.zeros([1, completion.num_features(SKELETON)]))
    network.last.bias.assign(tf.fill([2 * JOINTS], 0.1))
    return network


def people(count: int) -> np.ndarray:
    generator = np.random.default_rng(count)
    return np.float32(generator.normal(500.0, 100.0, (count, JOINTS, 2)))


@pytest.mark.parametrize("missing", [[0], [2], [5], [0, 3]])
def test_a_joint_that_follows_from_others_is_found(network, missing):
    """The root (0) as well; of a and d, c and f tell enough."""
    keypoints, scores = poses(200, seed=10_000)
    hidden = keypoints.copy()
    hidden[:, missing] = np.nan
    scores[:, missing] = 0.0
    filled, seen = completion.fill(network, hidden, scores)
    error = np.linalg.norm(filled - keypoints, axis=-1)[:, missing]
    assert np.mean(error) < 20.0  # of about 110 between joints
    assert np.all(np.delete(seen, 6, axis=1) == 1.0)


def test_a_joint_that_was_never_there_stays_missing(network):
    keypoints, scores = poses(3)
    filled, seen = completion.fill(network, keypoints, scores)
    np.testing.assert_array_equal(seen, scores)
    np.testing.assert_array_equal(filled, keypoints)
    np.testing.assert_array_equal(network.last.bias[12:], 0.0)
    assert np.all(network.last.bias[:12] != 0.0)


def test_what_was_seen_passes_bit_for_bit():
    keypoints = people(8) * np.float32(np.pi)
    scores = np.float32(np.random.default_rng(0).random((8, JOINTS)))
    missing = np.zeros((8, JOINTS), bool)
    missing[np.arange(8), np.arange(8)] = True
    scores[missing] = 0.0
    filled, seen = (x.numpy() for x in completion.fill(
        network_of_17(), keypoints, scores
    ))  # fmt: skip
    np.testing.assert_array_equal(filled[~missing], keypoints[~missing])
    np.testing.assert_array_equal(seen[~missing], scores[~missing])
    np.testing.assert_array_equal(seen[missing], 1.0)
    assert np.all(filled[missing] != keypoints[missing])


def test_unit_and_place_do_not_matter():
    network, keypoints = network_of_17(), people(4)
    scores = np.ones((4, JOINTS), np.float32)
    scores[:, [0, 7]] = 0.0
    filled, _ = completion.fill(network, keypoints, scores)
    moved, _ = completion.fill(network, keypoints / 64.0 - 3.0, scores)
    np.testing.assert_allclose(moved, filled / 64.0 - 3.0, atol=1e-4)


def test_what_a_missing_joint_holds_does_not_matter():
    network, keypoints = network_of_17(), people(4)
    scores = np.ones((4, JOINTS), np.float32)
    scores[:, 3] = 0.0
    expected, _ = completion.fill(network, keypoints, scores)
    for value in (np.nan, np.inf, 1e30):
        keypoints[:, 3] = value
        filled, _ = completion.fill(network, keypoints, scores)
        np.testing.assert_array_equal(filled, expected)


def test_a_pose_of_too_little_or_of_bad_numbers_comes_out_as_it_is():
    keypoints = people(7)
    scores = np.ones((7, JOINTS), np.float32)
    scores[:, 5] = 0.0
    scores[1, :9] = 0.0  # 8 of 17 are left
    scores[2, :8] = 0.0  # 9 of 17: enough
    scores[3] = 0.0
    keypoints[4, 2, 1] = np.nan
    keypoints[5] = 250.0  # all in one place
    keypoints[6] *= 1e30
    filled, seen = completion.fill(network_of_17(), keypoints, scores)
    changed = np.any(np.not_equal(seen, scores), axis=1)
    np.testing.assert_array_equal(
        changed, [True, False, True, False, False, False, False]
    )
    np.testing.assert_array_equal(filled[~changed], keypoints[~changed])
    assert np.isfinite(np.delete(filled, 4, axis=0)).all()


def test_an_untrained_network_fills_nothing():
    network = completion.build(JOINTS, seed=1)
    network(tf.zeros([1, completion.num_features(SKELETON)]))
    scores = np.ones((2, JOINTS), np.float32)
    scores[:, 0] = 0.0
    _, seen = completion.fill(network, people(2), scores)
    np.testing.assert_array_equal(seen, scores)


def error_of(keypoints, scores, draws, drop=0.2) -> np.ndarray:
    return completion.error(
        network_of_17(), keypoints, scores, draws, skeleton=SKELETON, drop=drop
    ).numpy()


def draws_for(*taken: str, count=1, whole=False) -> np.ndarray:
    """Numbers that take these joints away."""
    draws = np.ones((count, completion.num_draws(SKELETON)), np.float32)
    draws[:, [NAMES.index(name) for name in taken]] = 0.0
    draws[:, -2] = 0.9 if whole else 0.1
    return draws


def test_error_by_hand():
    """Half of one pose is where the network says, by its bias alone."""
    network = network_of_17()
    for layer in (network.last, *network.hidden):
        layer.kernel.assign(tf.zeros_like(layer.kernel))
    keypoints = np.zeros((1, JOINTS, 2), np.float32)
    keypoints[0, :8] = [3.0, 4.0]  # mean 0, size 5 where these are seen
    keypoints[0, 8:16] = [-3.0, -4.0]
    keypoints[0, 16] = [5.5, 20.0]  # in the unit (1.1, 4), for (0.1, 0.1)
    error = completion.error(
        network,
        keypoints,
        np.ones((1, JOINTS), np.float32),
        draws_for(NAMES[16]),
        skeleton=SKELETON,
        drop=0.2,
    )
    np.testing.assert_allclose(error, [1.0 + 3.9], rtol=1e-5)


def test_what_is_not_seen_or_not_taken_away_has_no_part():
    keypoints = people(1)
    scores = np.ones((1, JOINTS), np.float32)
    draws = draws_for("right_wrist", "head")
    expected = error_of(keypoints, scores, draws)
    assert expected > 0.0
    without = scores.copy()
    without[0, NAMES.index("head")] = 0.0
    spoiled = keypoints.copy()
    spoiled[0, NAMES.index("head")] = np.nan
    one = error_of(keypoints, scores, draws_for("right_wrist"))
    assert one != expected
    np.testing.assert_allclose(
        error_of(spoiled, without, draws),
        error_of(keypoints, without, draws_for("right_wrist")),
    )
    assert error_of(keypoints, scores, draws_for()) == 0.0
    # Too little is left: pelvis and all that hangs on it.
    assert error_of(keypoints, scores, draws_for("pelvis", whole=True)) == 0.0


def test_arms_leave_as_a_whole():
    keypoints = people(1)
    scores = np.ones((1, JOINTS), np.float32)
    arm = ("right_shoulder", "right_elbow", "right_wrist")
    np.testing.assert_array_equal(
        error_of(keypoints, scores, draws_for(arm[0], whole=True)),
        error_of(keypoints, scores, draws_for(*arm)),
    )


def test_a_mean_over_the_poses_of_an_example():
    keypoints, scores = people(6), np.ones((6, JOINTS), np.float32)
    draws = np.random.default_rng(0).random((6, JOINTS + 2), np.float32)
    draws[:, -1] = 1.0
    keypoints[1, 0] = np.nan  # counts for nothing
    one = error_of(keypoints, scores, draws)
    assert np.isfinite(one).all() and one[1] == 0.0
    views = error_of(
        *(
            np.reshape(x, (3, 2, *x.shape[1:]))
            for x in (keypoints, scores, draws)
        )
    )
    assert views.shape == (3,)
    np.testing.assert_allclose(views[0], one[0], rtol=1e-6)
    assert min(one[2:4]) <= views[1] <= max(one[2:4])


def test_gradients_are_finite_where_nothing_counts():
    network = network_of_17()
    keypoints = people(3)
    keypoints[0] = np.nan
    keypoints[1] = 100.0
    scores = np.ones((3, JOINTS), np.float32)
    scores[2] = 0.0
    draws = draws_for("head", count=3)
    with tf.GradientTape() as tape:
        error = completion.error(
            network, keypoints, scores, draws, skeleton=SKELETON, drop=0.1
        )
    np.testing.assert_array_equal(error, 0.0)
    for gradient in tape.gradient(error, network.trainable_variables):
        np.testing.assert_array_equal(gradient, 0.0)
