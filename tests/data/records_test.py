import numpy as np
import pytest
import tensorflow_datasets as tfds

from tf_poselift import schema
from tf_poselift import skeletons
from tf_poselift.data import records

SKELETON = skeletons.load("human36m_17")


def clip(**changes):
    """A clip of 5 frames in 2 views with everything in it."""
    arrays = {
        "clip_id": "walk_01",
        "fps": 30,
        "keypoints_2d": np.arange(5 * 2 * 17 * 2).reshape(5, 2, 17, 2),
        "joints_3d": np.ones((5, 2, 17, 3)),
        "cameras": {
            "intrinsics": np.ones((2, 3, 3)),
            "distortion": np.zeros((2, 5)),
            "rotation": np.ones((2, 3, 3)),
            "translation": np.ones((2, 3)),
        },
    }
    return arrays | changes


def broken(shape, value, at=0):
    array = np.ones(shape)
    array.reshape(-1)[at] = value
    return array


def test_defaults_and_types():
    record = records.example(**clip())
    fields = schema.ALWAYS | schema.WITH_3D
    assert set(record) == {*fields, schema.CAMERAS}
    for key, field in fields.items():
        if field.dtype != "string":
            assert record[key].dtype == field.dtype, key
    np.testing.assert_array_equal(record["frame_index"], [0, 1, 2, 3, 4])
    np.testing.assert_array_equal(record["frame_action"], [-1] * 5)
    assert record["frame_valid"].all()
    assert record["joints_3d_valid"].all()
    assert (record["scores"] == 1.0).all()
    assert (record["image_size"] == 0.0).all()
    assert (record["subject"], record["flags"]) == ("", "")


def test_without_3d_and_cameras_the_record_has_neither():
    record = records.example(**clip(joints_3d=None, cameras=None))
    assert set(record) == set(schema.ALWAYS)


def test_features_take_the_record_and_give_it_back():
    features = records.features(
        skeleton=SKELETON, views=2, joints_3d=True, cameras=True
    )
    record = records.example(**clip(subject="S1", action="walk", person=3))
    back = features.deserialize_example(features.serialize_example(record))
    back = tfds.as_numpy(back)
    assert back["subject"] == b"S1"
    assert back["person"] == 3
    for key in ("keypoints_2d", "scores", "joints_3d", "joints_3d_valid"):
        np.testing.assert_array_equal(back[key], record[key])
        assert features[key].shape[0] is None
        assert features[key].shape[1:] == record[key].shape[1:]
    for key in schema.CALIBRATION:
        np.testing.assert_array_equal(
            back["cameras"][key], record["cameras"][key]
        )


def test_metadata_describe_the_skeleton():
    metadata = records.metadata(skeleton=SKELETON, action_names=("walk",))
    assert skeletons.from_dict(metadata["skeleton"]) == SKELETON
    assert metadata["action_names"] == ["walk"]
    assert metadata["units"]["joints_3d"] == "mm"


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            {"keypoints_2d": np.ones((5, 17, 2))},
            r"`keypoints_2d` must have shape \[T, V, J, 2\] with T > 0. "
            r"Received: \(5, 17, 2\)",
        ),
        ({"keypoints_2d": np.ones((0, 2, 17, 2))}, r"with T > 0"),
        (
            {"keypoints_2d": broken((5, 2, 17, 2), np.nan)},
            r"`keypoints_2d` must be finite. Received: nan at \(0, 0, 0, 0\)",
        ),
        (
            {"joints_3d": broken((5, 2, 17, 3), np.inf)},
            r"`joints_3d` must be finite",
        ),
        (
            {"joints_3d": np.ones((4, 2, 17, 3))},
            r"`joints_3d` must have shape \(5, 2, 17, 3\). "
            r"Received: \(4, 2, 17, 3\)",
        ),
        (
            {"scores": broken((5, 2, 17), 1.5)},
            r"`scores` must be in \[0, 1\]. Received: 1.0 to 1.5",
        ),
        ({"fps": 0}, r"`fps` must be > 0. Received: 0.0"),
        ({"frame_index": [0, 2, 1, 3, 4]}, r"`frame_index` must increase"),
        (
            {"cameras": {"intrinsics": np.ones((2, 3, 3))}},
            r"the entries must be intrinsics, distortion, rotation, "
            r"translation. Received: intrinsics\.",
        ),
    ],
)
def test_refusals_name_the_clip(changes, message):
    with pytest.raises(ValueError, match="Clip `walk_01`: .*" + message):
        records.example(**clip(**changes))


def test_every_eighth_clip_of_the_sorted_ids_validates():
    ids = [f"{number:02}" for number in reversed(range(17))]
    train, validation = records.hold_out_every_eighth(ids)
    assert validation == ["07", "15"]
    assert train == sorted(set(ids) - {"07", "15"})


@pytest.mark.parametrize(
    "count, held_out", [(0, []), (1, []), (2, ["1"]), (7, ["6"]), (8, ["7"])]
)
def test_few_clips_hold_out_the_last(count, held_out):
    train, validation = records.hold_out_every_eighth(map(str, range(count)))
    assert validation == held_out
    assert len(train) + len(validation) == count


def test_a_clip_id_must_be_unique():
    with pytest.raises(ValueError, match=r"Received twice: \['a'\]"):
        records.hold_out_every_eighth(["a", "b", "a"])
