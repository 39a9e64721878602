import numpy as np
import tensorflow as tf

from tf_poselift import skeletons
from tf_poselift.data import augmentation

# Root 0, left 1, right 2.
SKELETON = skeletons.from_dict(
    {
        "name": "three",
        "joints": {"root": None, "left": "root", "right": "root"},
        "pairs": [["left", "right"]],
    }
)
KEYPOINTS = np.array([[100, 10], [130, 20], [60, 30]], np.float32)
JOINTS = np.array([[0, 0, 9], [3, 1, 8], [-4, 2, 7]], np.float32)


def batch_of(frames=1, shift=0.0):
    """Two equal examples; the root moves by `shift` a frame."""
    x = shift * np.arange(frames, dtype=np.float32)
    move = np.stack([x, 0 * x], axis=-1)[:, None, None]
    keypoints_2d = np.tile(KEYPOINTS + move, (2, 1, 1, 1, 1))
    return {
        "keypoints_2d": keypoints_2d,
        "scores": np.tile(np.float32([1, 0.5, 0]), (2, frames, 1, 1)),
        "joints_3d": np.tile(JOINTS, (2, frames, 1, 1, 1)),
        "joints_3d_valid": np.tile([True, True, False], (2, frames, 1, 1)),
        "other": np.arange(2),
    }


def flip(batch, width, mirror=(False, True)):
    width = np.full((2, 1), width, np.float32)
    flipped = augmentation.flip(
        {key: tf.constant(value) for key, value in batch.items()},
        tf.constant(mirror),
        tf.constant(width),
        SKELETON,
    )
    return {key: value.numpy() for key, value in flipped.items()}


def test_about_the_middle_of_the_image():
    flipped = flip(batch_of(), width=640.0)
    np.testing.assert_array_equal(flipped["keypoints_2d"][0, 0, 0], KEYPOINTS)
    np.testing.assert_array_equal(
        flipped["keypoints_2d"][1, 0, 0], [[540, 10], [580, 30], [510, 20]]
    )
    np.testing.assert_array_equal(flipped["scores"][1, 0, 0], [1, 0, 0.5])
    np.testing.assert_array_equal(
        flipped["joints_3d"][1, 0, 0], [[0, 0, 9], [4, 2, 7], [-3, 1, 8]]
    )
    np.testing.assert_array_equal(
        flipped["joints_3d_valid"][1, 0, 0], [True, False, True]
    )
    np.testing.assert_array_equal(flipped["other"], [0, 1])


def test_about_the_root_of_the_first_frame_where_the_size_is_unknown():
    flipped = flip(batch_of(frames=2, shift=7.0), width=0.0)
    np.testing.assert_array_equal(
        flipped["keypoints_2d"][1, :, 0],
        [
            [[100, 10], [140, 30], [70, 20]],
            # 7 pixels to the right become 7 to the left.
            [[93, 10], [133, 30], [63, 20]],
        ],
    )


def test_twice_is_once_around():
    batch = batch_of(frames=2, shift=3.0)
    for width in (640.0, 0.0):
        back = flip(flip(batch, width), width)
        for key, value in batch.items():
            np.testing.assert_array_equal(back[key], value, key)


def test_nobody_is_mirrored_without_a_reason():
    flipped = flip(batch_of(), width=640.0, mirror=(False, False))
    for key, value in batch_of().items():
        np.testing.assert_array_equal(flipped[key], value, key)
