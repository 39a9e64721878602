import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import metrics
from tf_poselift import skeletons

SKELETON = skeletons.load("human36m_17")
MIRROR = np.array([1.0, 1.0, -1.0])

# Root, a joint 100 mm to its right, the head 200 mm above, a joint 300 mm deep.
TRUTH = np.array([[0.0, 0, 0], [100.0, 0, 0], [0, -200.0, 0], [0, 0, 300.0]])


def poses(count, *, seed=0):
    """Root-relative random poses of `SKELETON`, mm."""
    random = np.random.default_rng(seed)
    points = random.normal(size=(count, SKELETON.num_joints, 3)) * 250.0
    return points - points[:, :1]


# All but pelvis, spine and nose: the official groups of MPI-INF-3DHP.
OFFICIAL = [1, 2, 3, 4, 5, 6, 8, 10, 11, 12, 13, 14, 15, 16]


def distances(predicted, truth):
    return np.linalg.norm(predicted - truth, axis=-1)


def align_by_loop(predicted, truth, reflection=False):
    """Procrustes of one pose [J, 3], by VideoPose3D's recipe."""
    p0, g0 = predicted - predicted.mean(axis=0), truth - truth.mean(axis=0)
    p_norm, g_norm = np.linalg.norm(p0), np.linalg.norm(g0)
    u, s, vt = np.linalg.svd((g0 / g_norm).T @ (p0 / p_norm))
    if not reflection and np.linalg.det(u @ vt) < 0:
        vt[-1] *= -1
        s[-1] *= -1
    scale = s.sum() * g_norm / p_norm
    return scale * p0 @ (u @ vt).T + truth.mean(axis=0)


def all_by_loop(predicted, truth, head, official=OFFICIAL):
    """Every metric of one pose [J, 3] by its printed definition."""
    p, g = predicted, truth
    fits = {
        "": p,
        "n_": p * (p * g).sum() / (p * p).sum(),
        "pa_": align_by_loop(p, g),
    }
    values = {}
    for prefix, fitted in fits.items():
        d = distances(fitted, g)
        values[prefix + "mpjpe"] = d.mean()
        d = d[official]
        values[prefix + "pck_150"] = (d < 150).mean()
        values[prefix + "auc"] = np.mean(
            [(d < t).mean() for t in range(0, 151, 5)]
        )
    scales = {
        "n_mpjpe_norm": np.linalg.norm(g) / np.linalg.norm(p),
        "mpjpe_gt_scale_xy": np.linalg.norm(g[:, :2], axis=-1).mean()
        / np.linalg.norm(p[:, :2], axis=-1).mean(),
        "mpjpe_gt_scale_headroot": np.linalg.norm(g[head])
        / np.linalg.norm(p[head]),
    }
    for name, scale in scales.items():
        values[name] = distances(scale * p, g).mean()
    mirrored = align_by_loop(p, g, reflection=True)
    values["pa_mpjpe_reflect"] = distances(mirrored, g).mean()
    worst = distances(fits["pa_"], g).max()
    values["cps"] = sum(worst < t for t in range(1, 301))
    flipped = distances(align_by_loop(p * MIRROR, g), g).mean()
    values["mirror_rate"] = float(flipped < values["pa_mpjpe"])
    return values


def test_every_metric_agrees_with_loop():
    truth = poses(40)
    predicted = truth + poses(40, seed=1) * 0.4
    predicted[::2] *= MIRROR
    values = metrics.compute_all(
        predicted.astype(np.float32),
        truth.astype(np.float32),
        skeleton=SKELETON,
        metric=True,
    )
    expected = [
        all_by_loop(p, g, SKELETON.head)
        for p, g in zip(predicted, truth, strict=True)
    ]
    assert set(values) == set(expected[0])
    for name, value in values.items():
        assert value.shape == (40,)
        np.testing.assert_allclose(
            value, [row[name] for row in expected], rtol=1e-4, err_msg=name
        )


def test_errors_by_hand():
    # The deep joint is 60 mm too deep: 60 / 4.
    predicted = TRUTH + np.array([[0, 0, 0]] * 3 + [[0, 0, 60.0]])
    np.testing.assert_allclose(metrics.mpjpe(predicted, TRUTH), 15.0)
    # Twice the truth: every scale takes that back.
    double = 2.0 * TRUTH
    np.testing.assert_allclose(metrics.mpjpe(double, TRUTH), 600.0 / 4)
    for name in ("n_mpjpe", "n_mpjpe_norm", "mpjpe_gt_scale_xy", "pa_mpjpe"):
        error = getattr(metrics, name)(double, TRUTH)
        np.testing.assert_allclose(error, 0.0, atol=1e-9, err_msg=name)
    # xy distances are right (300 / 4), so this scale is 1.
    np.testing.assert_allclose(
        metrics.mpjpe_gt_scale_xy(predicted, TRUTH), 15.0
    )
    # A head twice as far: all else is halved, (50 + 0 + 150) / 4.
    far_head = TRUTH * [[1.0], [1.0], [2.0], [1.0]]
    error = metrics.mpjpe_gt_scale_headroot(far_head, TRUTH, head=2)
    np.testing.assert_allclose(error, 50.0)


def test_least_squares_and_norm_scales_differ():
    truth = np.array([[0.0, 0, 0], [100.0, 0, 0], [0, 100.0, 0]])
    predicted = np.array([[0.0, 0, 0], [1.0, 0, 0], [0, 2.0, 0]])
    # <p, g> / <p, p> = 300 / 5 = 60: errors 40 and 20.
    np.testing.assert_allclose(metrics.n_mpjpe(predicted, truth), 20.0)
    # sqrt(20000 / 5) = 63.25: errors 36.75 and 26.49.
    scale = 4000.0**0.5
    expected = ((100.0 - scale) + (2.0 * scale - 100.0)) / 3
    np.testing.assert_allclose(metrics.n_mpjpe_norm(predicted, truth), expected)


def test_shares_are_strictly_below_their_thresholds():
    errors = np.array([0.0, 4.9, 5.0, 149.9, 150.0, 1000.0])
    truth = np.zeros((6, 3))
    predicted = truth + errors[:, None] * [0.0, 0.6, 0.8]
    pck, auc = metrics.pck_150(predicted, truth), metrics.auc(predicted, truth)
    np.testing.assert_allclose(pck, 4 / 6)
    # 30 thresholds are above 0 and 4.9, 29 above 5, one above 149.9.
    np.testing.assert_allclose(auc, (30 + 30 + 29 + 1) / 6 / 31)
    subset = metrics.pck_150(predicted, truth, joints=[3, 4])
    np.testing.assert_allclose(subset, 0.5)
    subset = metrics.auc(predicted, truth, joints=[2])
    np.testing.assert_allclose(subset, 29 / 31)


def test_correct_poses_score():
    np.testing.assert_allclose(metrics.cps(3.0 * TRUTH, TRUTH), 300.0)
    # The worst joint decides, at whole millimetres.
    predicted = TRUTH + np.random.default_rng(0).normal(size=(4, 3)) * 30.0
    worst = distances(align_by_loop(predicted, TRUTH), TRUTH).max()
    expected = 300 - np.floor(worst)
    np.testing.assert_allclose(metrics.cps(predicted, TRUTH), expected)
    # A point can only be moved to the middle: an error of 5 is below 6 to 300.
    truth = np.array([[-5.0, 0, 0], [5.0, 0, 0]])
    np.testing.assert_allclose(metrics.cps(np.ones((2, 3)), truth), 295.0)


def test_mirrored_poses():
    truth = poses(5)
    mirrored = 0.01 * truth * MIRROR
    assert (metrics.pa_mpjpe(mirrored, truth).numpy() > 50.0).all()
    np.testing.assert_allclose(
        metrics.pa_mpjpe_reflect(mirrored, truth), 0.0, atol=1e-9
    )
    np.testing.assert_array_equal(metrics.mirror_rate(mirrored, truth), 1.0)
    np.testing.assert_array_equal(metrics.mirror_rate(truth, truth), 0.0)


def test_flat_poses_are_not_mirrored():
    pose = poses(200)
    flat = pose * [1.0, 1.0, 0.0]
    tilted = flat + 0.3 * flat[..., :1] * [0.0, 0.0, 1.0]
    for predicted, truth in (
        (flat, pose),
        (flat, flat),
        (tilted, pose),
        (tilted, tilted),
        (pose, tilted),
    ):
        rate = metrics.mirror_rate(predicted, truth)
        np.testing.assert_array_equal(rate, 0.0)


@pytest.mark.parametrize("predicted", ["zeros", "point", "flat", "line"])
@pytest.mark.parametrize("truth", ["zeros", "point", "pose"])
def test_degenerate_poses_have_finite_values(predicted, truth):
    pose = poses(1)
    shapes = {
        "zeros": np.zeros_like(pose),
        "point": np.ones_like(pose),
        "flat": pose * [1.0, 1.0, 0.0],
        "line": pose * [1.0, 0.0, 0.0],
        "pose": pose,
    }
    values = metrics.compute_all(
        shapes[predicted], shapes[truth], skeleton=SKELETON, metric=True
    )
    for name, value in values.items():
        assert np.isfinite(value).all(), name


def test_masked_joints_take_no_part():
    joints = np.delete(np.arange(SKELETON.num_joints), [3, 5])
    truth, predicted = poses(6), poses(6) + poses(6, seed=1) * 0.3
    mask = np.ones(truth.shape[:2], bool)
    mask[:, [3, 5]] = False
    hidden_truth, hidden_predicted = truth.copy(), predicted.copy()
    hidden_truth[:, 3], hidden_predicted[:, 5] = np.nan, 1e6
    values = metrics.compute_all(
        hidden_predicted,
        hidden_truth,
        skeleton=SKELETON,
        metric=True,
        mask=mask,
    )
    head = int(np.flatnonzero(joints == SKELETON.head)[0])
    official = np.flatnonzero(np.isin(joints, OFFICIAL))
    for i in range(6):
        expected = all_by_loop(
            predicted[i, joints], truth[i, joints], head, official
        )
        for name, value in values.items():
            np.testing.assert_allclose(
                value[i], expected[name], rtol=1e-9, err_msg=name
            )


def test_poses_without_truth_have_no_value():
    truth = poses(3)
    mask = np.ones(truth.shape[:2], bool)
    mask[1] = False
    mask[2, SKELETON.head] = False
    values = metrics.compute_all(
        truth, truth, skeleton=SKELETON, metric=True, mask=mask
    )
    for name, value in values.items():
        no_head = name == "mpjpe_gt_scale_headroot"
        assert np.isnan(value).tolist() == [False, True, no_head], name


def test_only_what_a_method_can_have():
    values = metrics.compute_all(
        poses(2), poses(2), skeleton=SKELETON, metric=False
    )
    assert not {"mpjpe", "pck_150", "auc"} & set(values)
    assert {"n_mpjpe", "n_pck_150", "n_auc", "pa_auc"} <= set(values)
    headless = skeletons.from_dict(
        {"name": "two", "joints": {"root": None, "tip": "root"}}
    )
    values = metrics.compute_all(
        poses(2)[:, :2], poses(2)[:, :2], skeleton=headless, metric=True
    )
    assert "mpjpe_gt_scale_headroot" not in values


def test_any_number_of_poses(monkeypatch):
    monkeypatch.setattr(metrics, "_POSES_AT_ONCE", 4)
    truth, predicted = poses(10), poses(10, seed=1)
    values = metrics.compute_all(
        predicted, truth, skeleton=SKELETON, metric=True
    )
    np.testing.assert_allclose(
        values["pa_mpjpe"], metrics.pa_mpjpe(predicted, truth)
    )
    empty = metrics.compute_all(
        truth[:0], truth[:0], skeleton=SKELETON, metric=True
    )
    assert {value.shape for value in empty.values()} == {(0,)}


def test_acceleration_error():
    # x = t^2 mm, 10 frames per second: 2 mm/frame^2 = 200 mm/s^2.
    frames = np.arange(5.0)
    truth = np.zeros((5, 2, 3))
    predicted = truth.copy()
    predicted[:, 1, 0] = frames**2
    error = metrics.acceleration_error(predicted, truth, fps=10.0)
    np.testing.assert_allclose(error, [100.0] * 3)  # mean of two joints
    constant_velocity = truth + frames[:, None, None]
    error = metrics.acceleration_error(constant_velocity, truth, fps=10.0)
    np.testing.assert_allclose(error, [0.0] * 3, atol=1e-9)
    mask = np.ones((5, 2), bool)
    mask[0, 0] = False  # out of the first three frames
    error = metrics.acceleration_error(predicted, truth, fps=10.0, mask=mask)
    np.testing.assert_allclose(error, [200.0, 100.0, 100.0])
    assert metrics.acceleration_error(
        predicted[:2], truth[:2], fps=10.0
    ).shape == (0,)


def test_keras_mean_averages_in_graph():
    truth = np.stack([TRUTH, TRUTH])
    predicted = truth + [[[0.0, 0, 0]] * 4, [[0, 0, 30.0]] * 4]
    mean = keras.metrics.Mean()

    @tf.function(input_signature=[tf.TensorSpec([None, 4, 3], tf.float64)] * 2)
    def update(predicted, truth):
        mean.update_state(metrics.mpjpe(predicted, truth))
        return metrics.pa_mpjpe(predicted, truth)

    np.testing.assert_allclose(update(predicted, truth), [0, 0], atol=1e-9)
    np.testing.assert_allclose(mean.result(), 15.0)


def test_refusals():
    truth = poses(2)
    with pytest.raises(ValueError, match="must have one shape. Received"):
        metrics.mpjpe(truth[:1], truth)
    with pytest.raises(ValueError, match="`mask` must have the shape of"):
        metrics.mpjpe(truth, truth, mask=np.ones((2, 3), bool))
    with pytest.raises(ValueError, match="indices of the poses' 17 joints"):
        metrics.pck_150(truth, truth, joints=[17])
    with pytest.raises(ValueError, match=r"`predicted` must .* \*, 17, 3\]"):
        metrics.compute_all(
            truth[:, :16], truth, skeleton=SKELETON, metric=True
        )
    with pytest.raises(
        ValueError, match=r"`mask` must have shape \[..., 2, 17"
    ):
        metrics.compute_all(
            truth, truth, skeleton=SKELETON, metric=True, mask=truth[0] > 0
        )
    truth[1, 2, 0] = np.nan
    with pytest.raises(
        ValueError, match=r"`truth` must be finite.*\(1, 2, 0\)"
    ):
        metrics.compute_all(poses(2), truth, skeleton=SKELETON, metric=True)
