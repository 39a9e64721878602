import numpy as np
import pytest
import tensorflow as tf

from tf_poselift.geometry import cameras
from tf_poselift.geometry import triangulation


def ring(views=4, radius=5000.0, dtype=np.float64):
    """Cameras on a ring in the world's x-y plane that look at its centre."""
    azimuth = np.arange(views) * 2.0 * np.pi / views + 0.3
    forward = -np.stack(
        [np.cos(azimuth), np.sin(azimuth), np.zeros(views)], axis=-1
    )
    down = np.tile([0.0, 0.0, -1.0], (views, 1))
    rotation = np.stack([np.cross(down, forward), down, forward], axis=1)
    translation = np.tile([0.0, 0.0, radius], (views, 1))
    intrinsics = np.tile(
        [[1145.0, 0.0, 512.0], [0.0, 1143.0, 515.0], [0.0, 0.0, 1.0]],
        (views, 1, 1),
    )
    arrays = intrinsics, rotation, translation
    return [array.astype(dtype) for array in arrays]


def seen_by_ring(points, views=4, dtype=np.float64):
    """Pixels [..., V, J, 2], scores of 1 and projection matrices."""
    intrinsics, rotation, translation = ring(views, dtype=dtype)
    points = points[..., np.newaxis, :, :].astype(dtype)
    points = np.repeat(points, views, axis=-3)
    pixels = cameras.project(
        cameras.world_to_camera(points, rotation, translation), intrinsics
    ).numpy()
    projection = triangulation.projection_matrices(
        intrinsics, rotation, translation
    ).numpy()
    return pixels, np.ones(pixels.shape[:-1], dtype), projection


def triangulate_by_loop(pixels, scores, projection):
    """One point of V views, by the definition in the module."""
    planes, weights = [], []
    for (u, v), score, matrix in zip(pixels, scores, projection, strict=True):
        for plane in (u * matrix[2] - matrix[0], v * matrix[2] - matrix[1]):
            planes.append(plane / np.linalg.norm(plane[:3]))
            weights.append(score)
    planes = np.array(planes)
    unit = np.abs(planes[:, 3]).max()
    planes[:, 3] /= unit
    point = np.linalg.svd(planes * np.array(weights)[:, None])[2][3]
    return point[:3] / point[3] * unit


def test_projection_matrix_by_hand():
    intrinsics = np.diag([2.0, 3.0, 1.0])
    matrix = triangulation.projection_matrices(
        intrinsics, np.eye(3), np.array([1.0, 10.0, 100.0])
    )
    expected = [[2, 0, 0, 2], [0, 3, 0, 30], [0, 0, 1, 100]]
    np.testing.assert_allclose(matrix, expected)


@pytest.mark.parametrize("views", [2, 4])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(np.float64, 1e-8), (np.float32, 0.1)]
)
def test_exact_views_give_back_the_points(views, dtype, tolerance):
    random = np.random.default_rng(0)
    points = random.normal(size=(3, 5, 17, 3)) * 800.0  # mm, cameras at 5 m
    views = seen_by_ring(points, views, dtype)
    triangulated, valid = triangulation.triangulate(*views)
    assert triangulated.dtype == dtype
    assert valid.numpy().all()
    np.testing.assert_allclose(triangulated, points, atol=tolerance)


def test_noise_and_weights_agree_with_loop():
    random = np.random.default_rng(0)
    pixels, scores, projection = seen_by_ring(random.normal(size=(2, 6, 3)))
    pixels += random.normal(size=pixels.shape)
    scores = random.uniform(0.1, 1.0, size=scores.shape)
    points, _ = triangulation.triangulate(pixels, scores, projection)
    for b, j in np.ndindex(2, 6):
        expected = triangulate_by_loop(
            pixels[b, :, j], scores[b, :, j], projection
        )
        np.testing.assert_allclose(points[b, j], expected, atol=1e-6)
    scaled, _ = triangulation.triangulate(pixels, scores * 0.01, projection)
    np.testing.assert_allclose(scaled, points, atol=1e-6)


def test_views_without_a_score_do_not_count():
    points = np.array([[100.0, -200.0, 300.0], [0.0, 50.0, 900.0]])
    pixels, scores, projection = seen_by_ring(points)
    scores[0] = 0.0
    pixels[0] = np.nan
    pixels[1, 0] = np.nan  # with a score: as good as none
    triangulated, valid = triangulation.triangulate(pixels, scores, projection)
    assert valid.numpy().tolist() == [True, True]
    np.testing.assert_allclose(triangulated, points, atol=1e-8)
    scores[:, 0] = [0.0, 0.0, 1.0, 0.0]
    triangulated, valid = triangulation.triangulate(pixels, scores, projection)
    assert valid.numpy().tolist() == [False, True]
    np.testing.assert_allclose(triangulated[0], [0.0, 0.0, 0.0])


@pytest.mark.parametrize("case", ["one camera", "opposite", "side by side"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_parallel_rays_are_not_valid(case, dtype):
    pixels, scores, projection = seen_by_ring(np.zeros((1, 3)), 2, dtype)
    if case != "opposite":
        pixels, projection = pixels[[0, 0]], projection[[0, 0]]
    if case == "side by side":
        intrinsics, rotation, translation = (x[0] for x in ring(1, dtype=dtype))
        projection[1] = triangulation.projection_matrices(
            intrinsics, rotation, translation + dtype([100.0, 0.0, 0.0])
        )
    points, valid = triangulation.triangulate(pixels, scores, projection)
    assert not valid.numpy().any()
    np.testing.assert_array_equal(points, np.zeros((1, 3)))


def test_gradient_agrees_with_finite_differences():
    points = np.array([[100.0, -200.0, 300.0]])
    pixels, scores, projection = seen_by_ring(points, 3)
    pixels += np.random.default_rng(0).normal(size=pixels.shape)
    analytic, numeric = tf.test.compute_gradient(
        lambda x: triangulation.triangulate(x, scores, projection)[0],
        [pixels],
        delta=1e-3,
    )
    np.testing.assert_allclose(analytic[0], numeric[0], atol=1e-4)


@pytest.mark.parametrize("jit", [False, True])
def test_gradient_is_finite_at_degenerate_points(jit):
    pixels, scores, projection = seen_by_ring(np.zeros((4, 3)), 2, np.float32)
    scores[:, 1] = 0.0
    scores[0, 2] = 0.0
    pixels[1, 2] = np.nan
    pixels[1, 3] = [1e9, -1e9]

    @tf.function(
        jit_compile=jit, input_signature=[tf.TensorSpec([None, 2, 4, 2])]
    )
    def gradient(pixels):
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            points, _ = triangulation.triangulate(pixels, scores, projection)
        return points, tape.gradient(points, pixels)

    points, gradient = gradient(tf.constant(pixels)[tf.newaxis])
    assert np.isfinite(points).all()
    assert np.isfinite(gradient).all()


def test_refusals():
    pixels, scores, projection = seen_by_ring(np.zeros((5, 3)))
    with pytest.raises(
        ValueError, match=r"`projection` must .* \[..., 4, 3, 4"
    ):
        triangulation.triangulate(pixels, scores, projection[:3])
    with pytest.raises(ValueError, match=r"`scores` must .* \[..., 4, 5\]"):
        triangulation.triangulate(pixels, scores[:, :3], projection)
    with pytest.raises(ValueError, match=r"fixed number of views, at least 2"):
        triangulation.triangulate(pixels[:1], scores[:1], projection[:1])


def rays(points, seed=0, views=4):
    """A point on each ray, its direction and weights, by random cameras."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(views, 1, 3)) * 5.0
    directions = points - centres
    along = random.uniform(0.5, 1.5, (views, len(points), 1))
    return (
        (centres + along * directions).astype(np.float32),
        directions.astype(np.float32),
        random.uniform(0.1, 1.0, (views, len(points))).astype(np.float32),
    )


def test_nearest_to_rays_by_hand():
    # Along x at height 0 and along y at height 2: midway, unless one counts
    # three times as much.
    points = np.float32([[[5, 1, 0]], [[3, -7, 2]]])
    directions = np.float32([[[2, 0, 0]], [[0, -1, 0]]])
    for weights, height in (([1, 1], 1.0), ([3, 1], 0.5)):
        point, valid = triangulation.nearest_to_rays(
            points, directions, np.float32(weights)[:, None]
        )
        assert valid.numpy().all()
        np.testing.assert_allclose(point, [[3, 1, height]], atol=1e-6)


def test_rays_through_a_point_meet_there_when_compiled():
    points = np.random.default_rng(1).normal(size=(17, 3))
    compiled = tf.function(triangulation.nearest_to_rays, jit_compile=True)
    found, valid = compiled(*rays(points))
    assert valid.numpy().all()
    np.testing.assert_allclose(found, points, atol=1e-4)


def test_noisy_rays_agree_with_least_squares():
    points, directions, weights = rays(np.zeros((5, 3)))
    points += np.random.default_rng(2).normal(size=points.shape) * 0.1
    found, _ = triangulation.nearest_to_rays(points, directions, weights)
    for j in range(5):
        left, right = np.zeros((3, 3)), np.zeros(3)
        for v in range(4):
            d = directions[v, j] / np.linalg.norm(directions[v, j])
            across = weights[v, j] * (np.eye(3) - np.outer(d, d))
            left += across
            right += across @ points[v, j]
        expected = np.linalg.solve(left, right)
        np.testing.assert_allclose(found[j], expected, atol=1e-5)


def test_one_ray_or_parallel_ones_meet_nowhere():
    points, directions, weights = rays(np.ones((3, 3)), views=3)
    weights[1:, 0] = 0.0  # one ray
    weights[:, 1] = 0.0  # none
    directions[:, 2] = [1.0, 2.0, 3.0]  # parallel
    variable = tf.Variable(points)
    with tf.GradientTape() as tape:
        found, valid = triangulation.nearest_to_rays(
            variable, directions, weights
        )
    assert not valid.numpy().any()
    np.testing.assert_array_equal(found, np.zeros((3, 3)))
    assert np.isfinite(tape.gradient(found, variable)).all()


def test_rays_of_another_shape_are_refused():
    points, directions, weights = rays(np.ones((3, 3)))
    with pytest.raises(ValueError, match="`directions` must have shape"):
        triangulation.nearest_to_rays(points, directions[:2], weights)
    with pytest.raises(ValueError, match="`weights` must have shape"):
        triangulation.nearest_to_rays(points, directions, weights[:, :2])
