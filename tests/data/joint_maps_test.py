"""Joint maps: means, moved points, files that do not fit."""

import numpy as np
import pytest

from tf_poselift import skeletons
from tf_poselift.data import joint_maps

SKELETON = skeletons.from_dict({"name": "two", "joints": {"a": None, "b": "a"}})
MAP = joint_maps.JointMap(
    skeleton=SKELETON,
    points=(
        joint_maps.Point(at=("left", "right")),
        joint_maps.Point(at=("top",), axes="left", offset=(0.0, 0.0, 2.0)),
    ),
    mm_per_unit=10.0,
)
NAMES = ("left", "right", "top")


def test_points_are_means_and_move_with_their_axes():
    positions = np.array([[[1, 0, 0], [3, 2, 0], [0, 5, 0]]] * 2, float)
    rotations = np.tile(np.eye(3), (2, 3, 1, 1))
    # In the second frame `left` is turned by 90 degrees about y: z to x.
    rotations[1, 0] = [[0, 0, 1], [0, 1, 0], [-1, 0, 0]]
    joints = joint_maps.apply(MAP, NAMES, positions, rotations)
    np.testing.assert_allclose(joints[0], [[20, 10, 0], [0, 50, 20]])
    np.testing.assert_allclose(joints[1], [[20, 10, 0], [20, 50, 0]])


def test_missing_source_joints_are_named():
    assert MAP.sources == ("left", "right", "top")
    points, axes = np.zeros((1, 1, 3)), np.zeros((1, 1, 3, 3))
    with pytest.raises(ValueError, match="must have the joints left, top. Rec"):
        joint_maps.apply(MAP, ["right"], points, axes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("skeleton: human36m_17\njoints: {pelvis: hip}",
         "map.yaml: `joints` must be those of `human36m_17`.*Received: pelvis"),
        ("skeleton: human36m_17\nunit: 1", "Unknown entry of .* `unit`"),
        ("skeleton: human36m_17", "map.yaml must have the entries"),
        ("skeleton: [", "map.yaml is not valid YAML"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_fit_is_named(tmp_path, text, message):
    path = tmp_path / "map.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        joint_maps.load(path)
