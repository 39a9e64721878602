"""Bone lengths, sizes and statures of people with known ones."""

import numpy as np
import pytest

from tf_poselift import skeletons
from tf_poselift.geometry import body

# y down; lengths in metres. Ankle to knee 0.4, to hip 0.5; trunk 0.5; head 0.3.
STANDING = {
    "left_ankle": (0.1, 0.9, 0.0),
    "left_knee": (0.1, 0.5, 0.0),
    "left_hip": (0.1, 0.0, 0.0),
    "right_ankle": (-0.1, 0.9, 0.0),
    "right_knee": (-0.1, 0.5, 0.0),
    "right_hip": (-0.1, 0.0, 0.0),
    "left_shoulder": (0.2, -0.5, 0.0),
    "right_shoulder": (-0.2, -0.5, 0.0),
}
HEADS = {"head": (0.0, -0.8, 0.0), "nose": (0.0, -0.8, 0.0)}


def standing(skeleton) -> np.ndarray:
    known = STANDING | HEADS | {"head_top": HEADS["head"]}
    return np.array([known.get(j, (0.0, 0.0, 0.0)) for j in skeleton.joints])


def test_lengths_of_bones_are_nan_where_a_joint_is():
    skeleton = skeletons.load("human36m_17")
    joints = standing(skeleton)
    joints[skeleton.joints.index("right_ankle")] = np.nan
    lengths = body.bone_lengths(joints, skeleton)
    assert lengths.shape == (16,)
    assert lengths[0] == pytest.approx(0.1)  # pelvis to right_hip
    assert lengths[1] == pytest.approx(0.5)  # to right_knee
    assert np.isnan(lengths[2])


def test_a_median_of_nothing_is_nan():
    values = np.array([[1.0, np.nan], [3.0, np.nan], [8.0, np.nan]])
    np.testing.assert_array_equal(body.median(values), [3.0, np.nan])


def test_size_is_relative_to_the_usual_frame():
    lengths = np.array([[1.0, 2.0], [1.0, 2.0], [2.0, 4.0], [0.5, np.nan]])
    sizes = body.relative_sizes(lengths)
    np.testing.assert_allclose(sizes, [1.0, 1.0, 2.0, 0.5])
    assert body.relative_sizes(np.full((2, 2), np.nan)).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("human36m_17", 1.0 - 0.039),  # head is its top, the leg ends above
        ("human36m_16", 1.0 - 0.039),  # the floor
        ("body_25b", 1.0 - 0.039),
        ("coco_17", 0.905 - 0.039),  # the nose
        ("body_25", 0.905 - 0.039),
        ("mediapipe_33", 0.905 - 0.039),
    ],
)
def test_stature_is_the_chain_divided_by_its_share(name, share):
    skeleton = skeletons.load(name)
    poses = np.tile(standing(skeleton), (5, 1, 1))
    assert body.stature(poses, skeleton) == pytest.approx(1.7 / share)
    # Bent knees do not make anybody shorter: 0.4 long, 0.24 back.
    ankles = [skeleton.joints.index(f"{s}_ankle") for s in ("left", "right")]
    poses[:, ankles] += [0.0, -0.08, 0.24]
    assert body.stature(poses, skeleton) == pytest.approx(1.7 / share)


def test_one_leg_is_enough_and_none_is_refused():
    skeleton = skeletons.load("human36m_17")
    poses = standing(skeleton)[np.newaxis].copy()
    poses[:, skeleton.joints.index("left_ankle")] = np.nan
    assert body.stature(poses, skeleton) == pytest.approx(1.7 / 0.961)
    poses[:, skeleton.joints.index("right_knee")] = np.nan
    with pytest.raises(ValueError, match="a whole leg must be seen"):
        body.stature(poses, skeleton)


def test_a_skeleton_without_legs_tells_no_height():
    skeleton = skeletons.from_dict(
        {"name": "bust", "joints": {"chest": None, "head": "chest"}}
    )
    with pytest.raises(ValueError, match="must name `head` and `legs`"):
        body.stature(np.zeros((1, 2, 3)), skeleton)


def test_the_trunk_points_from_the_root_to_between_the_shoulders():
    for name in skeletons.names():
        skeleton = skeletons.load(name)
        up = body.trunk(standing(skeleton), skeleton)
        np.testing.assert_allclose(up, [0.0, -0.5, 0.0], atol=1e-12)


def test_a_trunk_needs_shoulders():
    skeleton = skeletons.from_dict(
        {"name": "two", "joints": {"hip": None, "head": "hip"}}
    )
    with pytest.raises(ValueError, match="facing rule or joints called sho"):
        body.trunk(np.zeros((2, 3)), skeleton)
