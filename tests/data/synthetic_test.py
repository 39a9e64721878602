import numpy as np
import pytest

from tf_poselift import skeletons
from tf_poselift.data import synthetic
from tf_poselift.geometry import cameras as camera_geometry

SKELETON = skeletons.load("human36m_17")
ANIMAL = skeletons.from_dict(
    {
        "name": "animal",
        # A child before its parent.
        "joints": {
            "left_paw": "left_leg",
            "left_leg": "back",
            "right_leg": "back",
            "right_paw": "right_leg",
            "back": None,
            "tail": "back",
        },
        "pairs": [["left_leg", "right_leg"], ["left_paw", "right_paw"]],
    }
)


def bone_lengths(table):
    parents, children = np.transpose(table.skeleton.bones)
    bones = table.joints_3d[:, :, children] - table.joints_3d[:, :, parents]
    return np.linalg.norm(bones, axis=-1)


def test_shapes_and_texts():
    table = synthetic.table(SKELETON, clips=4, frames=6, views=3)
    assert table.keypoints_2d.shape == (24, 3, 17, 2)
    assert table.joints_3d.shape == (24, 3, 17, 3)
    assert table.keypoints_2d.dtype == np.float32
    assert table.joints_3d.dtype == np.float32
    assert table.clip_action == ("walk", "sit", "wave", "walk")
    np.testing.assert_array_equal(table.action[::6], [0, 1, 2, 0])


def test_seed_decides():
    one, again, other = (
        synthetic.table(SKELETON, frames=5, noise=1.0, seed=seed)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.keypoints_2d, again.keypoints_2d)
    assert (one.keypoints_2d != other.keypoints_2d).all()


@pytest.mark.parametrize(
    "skeleton", [*map(skeletons.load, skeletons.names()), ANIMAL]
)
def test_bones_keep_their_lengths(skeleton):
    table = synthetic.table(skeleton, clips=2, frames=20)
    lengths = bone_lengths(table)
    assert lengths.min() > 10.0  # within the face
    assert np.ptp(lengths, axis=(0, 1)).max() < 0.01
    for left, right in skeleton.symmetric_bones:
        np.testing.assert_allclose(
            lengths[..., left], lengths[..., right], atol=0.01
        )


def test_unknown_joints_have_bones_of_one_length_and_no_two_coincide():
    table = synthetic.table(ANIMAL, clips=1, frames=10)
    np.testing.assert_allclose(bone_lengths(table), 250.0, atol=0.01)
    joints = table.joints_3d[:, 0]
    distances = np.linalg.norm(joints[:, :, None] - joints[:, None], axis=-1)
    assert (distances + 1e3 * np.eye(6)).min() > 10.0


@pytest.mark.parametrize("name", skeletons.names())
def test_a_person_of_life_size_stands_upright_inside_the_image(name):
    table = synthetic.table(skeletons.load(name), clips=6, frames=30)
    y = table.joints_3d[..., 1]
    height = y.max(axis=-1) - y.min(axis=-1)
    assert 1100.0 < np.median(height) < 1800.0
    head = y[..., table.skeleton.head]
    assert (head < y[..., table.skeleton.root[0]]).mean() > 0.99
    assert table.keypoints_2d.min() > 0.0
    assert table.keypoints_2d.max() < 1000.0


@pytest.mark.parametrize("name", ["human36m_17", "deepmimic_16", "coco_17"])
def test_the_face_is_in_front(name):
    skeleton = skeletons.load(name)
    joints = synthetic.table(skeleton, clips=8, frames=60).joints_3d
    facing = skeleton.facing
    back, front, right, left = (
        joints[:, :, list(getattr(facing, end))].mean(axis=2)
        for end in ("back", "front", "right", "left")
    )
    v, w = front - back, left - right
    # Seen from above (x right, z forward), forward x left.
    sine = v[..., 2] * w[..., 0] - v[..., 0] * w[..., 2]
    assert (sine < 0.0).all()


def test_motion_is_smooth_but_there():
    table = synthetic.table(SKELETON, clips=2, frames=60)
    joints = table.joints_3d.reshape(2, 60, 4, 17, 3)
    speed = np.linalg.norm(np.diff(joints, axis=1), axis=-1)  # mm a frame
    assert 1.0 < speed.mean()
    assert speed.max() < 200.0


def test_keypoints_are_the_projected_joints():
    table = synthetic.table(SKELETON, clips=2, frames=5, views=3)
    intrinsics = table.cameras["intrinsics"][table.clip_of_row]
    distortion = table.cameras["distortion"][table.clip_of_row]
    projected = camera_geometry.project(table.joints_3d, intrinsics, distortion)
    np.testing.assert_allclose(table.keypoints_2d, projected, atol=1e-3)


def test_all_views_see_one_world():
    table = synthetic.table(SKELETON, clips=2, frames=5, views=3)
    rotation = table.cameras["rotation"][table.clip_of_row]
    translation = table.cameras["translation"][table.clip_of_row]
    world = camera_geometry.camera_to_world(
        table.joints_3d, rotation, translation
    ).numpy()
    np.testing.assert_allclose(world[:, 1:], world[:, :-1], atol=0.01)
    # Feet near the floor, z up.
    ankle = SKELETON.joints.index("left_ankle")
    assert abs(np.median(world[:, :, ankle, 2])) < 400.0


def test_noise_and_what_may_be_missing():
    exact = synthetic.table(SKELETON, frames=50)
    table = synthetic.table(
        SKELETON, frames=50, noise=3.0, joints_3d=False, cameras=False
    )
    error = table.keypoints_2d - exact.keypoints_2d
    assert abs(error.std() - 3.0) < 0.1
    assert table.joints_3d is None
    assert table.joints_3d_valid is None
    assert table.cameras is None
