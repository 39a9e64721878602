"""Rotations of rigid bodies that are known to fit."""

import numpy as np
import pytest
from scipy.spatial import transform

from tf_poselift import skeletons
from tf_poselift.geometry import body
from tf_poselift.geometry import joint_rotations

SKELETON = skeletons.load("human36m_17")
REST = {
    "pelvis": (0, 0, 0), "right_hip": (-0.13, 0, 0),
    "right_knee": (-0.13, -0.45, 0.02), "right_ankle": (-0.13, -0.88, 0),
    "left_hip": (0.13, 0, 0), "left_knee": (0.13, -0.45, 0.02),
    "left_ankle": (0.13, -0.88, 0), "spine": (0, 0.25, 0),
    "thorax": (0, 0.5, 0), "nose": (0, 0.6, 0.1), "head": (0, 0.72, 0),
    "left_shoulder": (0.17, 0.48, 0), "left_elbow": (0.3, 0.25, 0),
    "left_wrist": (0.35, 0.05, 0.1), "right_shoulder": (-0.17, 0.48, 0),
    "right_elbow": (-0.3, 0.25, 0), "right_wrist": (-0.35, 0.05, 0.1),
}  # fmt: skip


def moving(frames: int, *, degrees: float = 40.0, seed: int = 0) -> np.ndarray:
    """Returns a rigid body [T, J, 3] whose joints turn smoothly."""
    rng = np.random.default_rng(seed)
    rest = np.array([REST[j] for j in SKELETON.joints], float)
    t = np.linspace(0.0, 2.0 * np.pi, frames)[:, np.newaxis]
    positions = np.zeros((frames, 17, 3))
    rotations = {}
    for joint in joint_rotations.depth_first(SKELETON):
        parent = SKELETON.parents[joint]
        axis = rng.normal(size=3) * np.radians(degrees)
        swing = transform.Rotation.from_rotvec(
            np.sin(t * rng.integers(1, 4)) * axis / np.linalg.norm(axis)
        ).as_matrix()
        if parent < 0:
            rotations[joint] = swing
            continue
        positions[:, joint] = positions[:, parent] + rotations[parent] @ (
            rest[joint] - rest[parent]
        )
        rotations[joint] = rotations[parent] @ swing
    return positions


def fitted(joints_3d: np.ndarray):
    lengths = body.median(body.bone_lengths(joints_3d, SKELETON))
    figure = joint_rotations.make_body(joints_3d, lengths, SKELETON)
    return figure, *joint_rotations.fit(figure, joints_3d)


def test_depth_first_keeps_a_branch_together():
    order = joint_rotations.depth_first(skeletons.load("coco_18"))
    names = [skeletons.load("coco_18").joints[j] for j in order]
    assert names[:5] == ["neck", "nose", "right_eye", "right_ear", "left_eye"]
    assert sorted(order) == list(range(18))


def test_a_rigid_body_is_fitted_nearly_exactly():
    joints_3d = moving(300)
    figure, rotations, placed = fitted(joints_3d)
    error = np.linalg.norm(placed - joints_3d, axis=-1)
    assert error.mean() < 5e-4 and error.max() < 5e-3
    np.testing.assert_allclose(np.linalg.det(rotations), 1.0, atol=1e-9)
    np.testing.assert_allclose(
        rotations @ rotations.transpose(0, 1, 3, 2),
        np.broadcast_to(np.eye(3), rotations.shape),
        atol=1e-9,
    )
    lengths = body.bone_lengths(placed, SKELETON)
    np.testing.assert_allclose(
        lengths, np.tile(lengths[:1], (300, 1)), atol=1e-9
    )


def test_the_rest_pose_stands_upright_and_looks_at_us():
    joints_3d = moving(300, degrees=20.0)
    upside_down = joints_3d * [1.0, -1.0, -1.0]
    for poses in (joints_3d, upside_down):
        figure, _, _ = fitted(poses)
        place = dict(zip(SKELETON.joints, figure.offsets, strict=True))
        assert place["spine"][1] > 0.2
        assert place["right_knee"][1] < -0.4
        assert place["left_hip"][0] > 0.1 and place["right_hip"][0] < -0.1
        assert place["nose"][2] > 0.05


def test_bones_of_single_children_point_where_they_should():
    rng = np.random.default_rng(3)
    joints_3d = moving(50) + rng.normal(0.0, 0.02, (50, 17, 3))
    _, _, placed = fitted(joints_3d)
    for joint in ("right_knee", "left_wrist", "head"):
        child = SKELETON.joints.index(joint)
        parent = SKELETON.parents[child]
        got, want = (
            points[:, child] - points[:, parent]
            for points in (placed, joints_3d)
        )
        cos = (got * want).sum(-1) / (
            np.linalg.norm(got, axis=-1) * np.linalg.norm(want, axis=-1)
        )
        np.testing.assert_allclose(cos, 1.0, atol=1e-9)


def test_what_was_never_seen_stays_like_its_mirror_image():
    joints_3d = moving(50, degrees=20.0)
    seen = joints_3d.copy()
    hidden = [SKELETON.joints.index(j) for j in ("left_knee", "left_ankle")]
    seen[:, hidden] = np.nan
    figure, rotations, placed = fitted(seen)
    assert np.isfinite(rotations).all() and np.isfinite(placed).all()
    assert np.isfinite(figure.offsets).all()
    other = figure.offsets[SKELETON.joints.index("right_knee")]
    np.testing.assert_allclose(figure.offsets[hidden[0]], other * [-1, 1, 1])


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_points_in_one_place_give_no_nan(value):
    _, rotations, placed = fitted(np.full((3, 17, 3), value))
    assert np.isfinite(rotations).all()
    np.testing.assert_allclose(placed, value, atol=1e-12)


def test_local_rotations_multiply_to_the_given_ones():
    joints_3d = moving(5)
    _, rotations, _ = fitted(joints_3d)
    local = joint_rotations.local_rotations(rotations, SKELETON.parents)
    joint, product = SKELETON.joints.index("left_wrist"), np.eye(3)
    while joint >= 0:
        product = local[2, joint] @ product
        joint = SKELETON.parents[joint]
    wrist = SKELETON.joints.index("left_wrist")
    np.testing.assert_allclose(product, rotations[2, wrist], atol=1e-9)
