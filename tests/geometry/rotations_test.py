import numpy as np
import pytest
import tensorflow as tf

from tf_poselift.geometry import rotations

ABOUT = (rotations.about_x, rotations.about_y, rotations.about_z)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_quarter_turn_takes_each_axis_to_the_next(axis):
    following, last = (axis + 1) % 3, (axis + 2) % 3
    turned = ABOUT[axis](np.pi / 2) @ tf.eye(3)
    expected = np.zeros((3, 3))
    expected[axis, axis] = 1.0
    expected[last, following] = 1.0  # the next axis goes to the one after it
    expected[following, last] = -1.0
    np.testing.assert_allclose(turned, expected, atol=1e-7)


@pytest.mark.parametrize("about", ABOUT)
def test_turns_add_up(about):
    angles = tf.random.stateless_uniform([2, 5], (0, 1), -3.0, 3.0)
    product = about(angles) @ about(1.0 - angles)
    expected = np.broadcast_to(about(1.0), (2, 5, 3, 3))
    np.testing.assert_allclose(product, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("quaternion", "expected"),
    [
        ([2.0, 0.0, 0.0, 0.0], np.eye(3)),
        ([0.0, 0.0, 0.0, 1.0], np.diag([-1.0, -1.0, 1.0])),
        ([0.0, 0.0, 0.0, 0.0], np.eye(3)),
        # 90 degrees about x: y goes to z.
        ([1.0, 1.0, 0.0, 0.0], [[1, 0, 0], [0, 0, -1], [0, 1, 0]]),
    ],
)
def test_quaternions_in_the_order_w_x_y_z(quaternion, expected):
    matrix = rotations.from_quaternion_wxyz(np.array(quaternion))
    np.testing.assert_allclose(matrix, expected, atol=1e-12)


def test_quaternion_agrees_with_sandwich_product():
    random = np.random.default_rng(0)
    q, v = random.normal(size=4), random.normal(size=3)
    q /= np.linalg.norm(q)
    w, u = q[0], q[1:]
    # v' = v + 2 w (u x v) + 2 u x (u x v)
    expected = v + 2 * w * np.cross(u, v) + 2 * np.cross(u, np.cross(u, v))
    matrix = rotations.from_quaternion_wxyz(q)
    np.testing.assert_allclose(matrix @ v[:, None], expected[:, None])


def test_rotate_broadcasts_leading_axes():
    random = np.random.default_rng(0)
    points = random.normal(size=(4, 2, 5, 3))
    matrices = rotations.from_quaternion_wxyz(random.normal(size=(2, 4)))
    rotated = rotations.rotate(points, matrices).numpy()
    for b, v, j in np.ndindex(4, 2, 5):
        expected = matrices[v].numpy() @ points[b, v, j]
        np.testing.assert_allclose(rotated[b, v, j], expected)


def test_unknown_batch_size_and_compilation():
    @tf.function(
        jit_compile=True,
        input_signature=[
            tf.TensorSpec([None]),
            tf.TensorSpec([None, 4]),
            tf.TensorSpec([None, 5, 3]),
        ],
    )
    def turn(angle, quaternion, points):
        both = rotations.about_y(angle) @ rotations.from_quaternion_wxyz(
            quaternion
        )
        return rotations.rotate(points, both)

    identity = tf.constant([[1.0, 0.0, 0.0, 0.0]] * 2)
    points = tf.random.stateless_normal([2, 5, 3], (0, 1))
    turned = turn(tf.constant([0.0, np.pi]), identity, points)
    np.testing.assert_allclose(turned[0], points[0], atol=1e-6)
    np.testing.assert_allclose(turned[1], points[1] * [-1, 1, -1], atol=1e-6)


def test_gradients_are_finite_at_no_rotation():
    quaternion, angle = tf.zeros([1, 4]), tf.zeros([1])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([quaternion, angle])
        a = rotations.from_quaternion_wxyz(quaternion)
        b = rotations.about_y(angle)
    assert np.isfinite(tape.gradient(a, quaternion)).all()
    assert np.isfinite(tape.gradient(b, angle)).all()


def test_refuses_three_numbers():
    with pytest.raises(ValueError, match=r"`quaternion` must have shape .* 4"):
        rotations.from_quaternion_wxyz(np.zeros((2, 3)))
