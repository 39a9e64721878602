import numpy as np
import pytest
import tensorflow as tf

from tf_poselift.geometry import cameras
from tf_poselift.geometry import rotations

# The four cameras of Human3.6M and their poses for subject S1, as published:
# the quaternion (w x y z) rotates camera to world, the position is in mm; nine
# digits are all of a float32.
CENTER = [
    [512.541504, 515.451477],
    [508.848633, 508.064911],
    [519.815857, 501.402649],
    [514.968201, 501.882019],
]
FOCAL = [
    [1145.04944, 1143.78113],
    [1149.67566, 1147.59167],
    [1149.14075, 1148.79895],
    [1145.51135, 1144.77393],
]
RADIAL = [
    [-0.207098916, 0.247775182, -0.00307515031],
    [-0.194213629, 0.24040854, 0.00681997556],
    [-0.208338186, 0.255488008, -0.00246049743],
    [-0.198384091, 0.218323678, -0.00894780736],
]
TANGENTIAL_SWAPPED = [  # (p2, p1)
    [-0.000975698873, -0.00142447161],
    [-0.00161902665, -0.00274089444],
    [0.00148438697, -0.000759999326],
    [-0.000587205577, -0.001813362],
]
ORIENTATION = [
    [0.140705645, -0.150070176, -0.755240798, 0.622328043],
    [0.615718782, -0.764836311, -0.148338258, 0.117947407],
    [0.146514729, -0.146478519, 0.76530236, -0.609417558],
    [0.583400846, -0.785316229, 0.145488232, -0.14749594],
]
POSITION = [
    [1841.10706, 4955.28467, 1563.44543],
    [1761.27856, -5078.00684, 1606.26501],
    [-1846.77771, 5215.04639, 1491.97241],
    [-1794.78967, -3722.69897, 1574.8927],
]

# Golden values of the world point (100, 200, 900) mm.
POINT = np.array([[100.0, 200.0, 900.0]])
IN_CAMERA = [
    [-334.053, -295.811, 5087.755],
    [420.696, -489.602, 5540.697],
    [267.361, -585.999, 5373.657],
    [118.893, -545.915, 4372.770],
]
PIXELS = {
    "human36m": [
        [437.459, 449.033],
        [595.901, 406.866],
        [576.856, 376.462],
        [546.010, 359.354],
    ],
    "opencv": [
        [437.448, 449.023],
        [595.911, 406.854],
        [576.864, 376.442],
        [546.017, 359.324],
    ],
    None: [
        [437.360, 448.950],
        [596.142, 406.658],
        [576.990, 376.126],
        [546.114, 358.964],
    ],
}


def human36m(dtype=np.float64):
    """Intrinsics, distortion, rotation and translation of the four cameras."""
    intrinsics = np.zeros((4, 3, 3))
    intrinsics[:, [0, 1], [0, 1]] = FOCAL
    intrinsics[:, :2, 2] = CENTER
    intrinsics[:, 2, 2] = 1.0
    k1, k2, k3 = np.array(RADIAL).T
    p2, p1 = np.array(TANGENTIAL_SWAPPED).T
    distortion = np.stack([k1, k2, p1, p2, k3], axis=-1)
    to_world = rotations.from_quaternion_wxyz(np.array(ORIENTATION)).numpy()
    rotation = np.swapaxes(to_world, -1, -2)
    translation = -np.einsum("vij,vj->vi", rotation, np.array(POSITION))
    arrays = intrinsics, distortion, rotation, translation
    return [array.astype(dtype) for array in arrays]


def project_by_loop(point, intrinsics, distortion):
    """One point with OpenCV's formulas as its documentation prints them."""
    x, y = point[0] / point[2], point[1] / point[2]
    k1, k2, p1, p2, k3 = distortion
    r2 = x**2 + y**2
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    x_distorted = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x**2)
    y_distorted = y * radial + p1 * (r2 + 2 * y**2) + 2 * p2 * x * y
    return (intrinsics @ [x_distorted, y_distorted, 1.0])[:2]


@pytest.mark.parametrize("model", ["human36m", "opencv", None])
def test_golden_values_of_human36m(model):
    intrinsics, distortion, rotation, translation = human36m()
    points = cameras.world_to_camera(POINT, rotation, translation)
    np.testing.assert_allclose(points[:, 0], IN_CAMERA, atol=6e-4)
    pixels = (
        cameras.project(points, intrinsics)
        if model is None
        else cameras.project(points, intrinsics, distortion, model=model)
    )
    np.testing.assert_allclose(pixels[:, 0], PIXELS[model], atol=6e-4)


def test_camera_to_world_undoes_world_to_camera():
    _, _, rotation, translation = human36m(np.float32)
    points = tf.random.stateless_normal([7, 4, 5, 3], (0, 1), 0.0, 1000.0)
    there = cameras.world_to_camera(points, rotation, translation)
    back = cameras.camera_to_world(there, rotation, translation)
    np.testing.assert_allclose(back, points, atol=5e-3)  # mm


def test_project_agrees_with_loop():
    intrinsics, distortion, _, _ = human36m()
    random = np.random.default_rng(0)
    points = random.uniform(-1.5, 1.5, size=(3, 4, 5, 3)) + [0.0, 0.0, 4.0]
    pixels = cameras.project(points, intrinsics, distortion)
    for b, v, j in np.ndindex(3, 4, 5):
        expected = project_by_loop(
            points[b, v, j], intrinsics[v], distortion[v]
        )
        np.testing.assert_allclose(pixels[b, v, j], expected)


def test_unproject_undoes_project():
    intrinsics, _, _, _ = human36m(np.float32)
    points = tf.random.stateless_normal([3, 4, 5, 3], (0, 1), 0.0, 500.0)
    points += [0.0, 0.0, 5000.0]
    pixels = cameras.project(points, intrinsics)
    back = cameras.unproject(pixels, points[..., 2], intrinsics)
    np.testing.assert_allclose(back, points, atol=0.01)  # mm


@pytest.mark.parametrize("model", ["human36m", "opencv"])
def test_undistort_undoes_distortion_up_to_the_corners(model):
    intrinsics, distortion, _, _ = human36m()
    axis = np.linspace(0.0, 1000.0, 11)
    pixels = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(1, -1, 2)
    pixels = np.repeat(pixels, 4, axis=0)
    ideal = cameras.undistort(pixels, intrinsics, distortion, model=model)
    assert np.abs(ideal - pixels).max() > 10.0
    points = cameras.unproject(
        ideal, np.full(pixels.shape[:-1], 5.0), intrinsics
    )
    again = cameras.project(points, intrinsics, distortion, model=model)
    np.testing.assert_allclose(again, pixels, atol=1e-4)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("lens", ["distorted", "perfect"])
def test_points_at_and_behind_the_camera_stay_finite(jit, lens):
    intrinsics, distortion, _, _ = human36m(np.float32)
    points = tf.constant(
        [
            [0.0, 0.0, 0.0],
            [0.0, 0.0, -5.0],
            [300.0, -200.0, 0.0],
            [300.0, -200.0, -900.0],
            [1e-30, 0.0, 1e-30],
            [4000.0, 0.0, 1e-3],
        ]
    )

    @tf.function(
        jit_compile=jit, input_signature=[tf.TensorSpec([None, None, 3])]
    )
    def project(points):
        with tf.GradientTape() as tape:
            tape.watch(points)
            pixels = cameras.project(
                points,
                intrinsics[0],
                distortion[0] if lens == "distorted" else None,
            )
            loss = tf.reduce_sum(tf.square(pixels))
        return pixels, tape.gradient(loss, points)

    pixels, gradient = (x.numpy() for x in project(points[tf.newaxis]))
    assert np.abs(pixels).max() < 1e7
    assert np.isfinite(gradient).all()
    # On its own side, far outside the image.
    right_up = pixels[0, 3] - CENTER[0]
    assert right_up[0] > 1e4 and right_up[1] < -1e4


def test_undistort_is_finite_far_outside_the_image():
    intrinsics, distortion, _, _ = human36m(np.float32)
    pixels = tf.constant([[1e9, -1e9], [3e4, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        ideal = cameras.undistort(pixels, intrinsics[0], distortion[0])
    assert np.isfinite(ideal).all()
    assert np.isfinite(tape.gradient(ideal, pixels)).all()


def test_refusals():
    intrinsics, distortion, rotation, translation = human36m()
    with pytest.raises(ValueError, match=r"`points_camera` .* \[..., \*, 3\]"):
        cameras.project(np.zeros((5, 2)), intrinsics[0])
    with pytest.raises(ValueError, match=r"`distortion` .* \[..., 5\]"):
        cameras.project(np.zeros((5, 3)), intrinsics[0], distortion[0, :4])
    with pytest.raises(ValueError, match=r"Known: human36m, opencv"):
        cameras.project(
            np.zeros((5, 3)), intrinsics[0], distortion[0], model="fisheye"
        )
    with pytest.raises(ValueError, match=r"`depth` must have shape \[..., 5\]"):
        cameras.unproject(np.zeros((5, 2)), np.zeros(1), intrinsics[0])
    with pytest.raises(ValueError, match=r"`translation` must have shape"):
        cameras.world_to_camera(POINT, rotation[0], np.zeros(4))
