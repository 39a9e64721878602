import dataclasses

import numpy as np
import pytest

from tf_poselift import skeletons
from tf_poselift.data import synthetic
from tf_poselift.data import tables

SKELETON = skeletons.load("human36m_17")


@pytest.fixture(scope="module")
def table():
    """3 clips of 5 frames in 2 views."""
    return synthetic.table(SKELETON, clips=3, frames=5, views=2)


def test_counts(table):
    assert (table.num_rows, table.num_views, table.num_clips) == (15, 2, 3)
    np.testing.assert_array_equal(
        table.clip_of_row, [0] * 5 + [1] * 5 + [2] * 5
    )


def test_select_keeps_the_order_asked_for(table):
    part = tables.select(table, [2, 0])
    assert part.clip_id == (table.clip_id[2], table.clip_id[0])
    np.testing.assert_array_equal(part.clip_start, [0, 5, 10])
    np.testing.assert_array_equal(
        part.joints_3d,
        np.concatenate([table.joints_3d[10:], table.joints_3d[:5]]),
    )
    np.testing.assert_array_equal(part.action, [2] * 5 + [0] * 5)
    np.testing.assert_array_equal(
        part.cameras["rotation"], table.cameras["rotation"][[2, 0]]
    )


def test_select_of_nothing_is_empty(table):
    part = tables.select(table, [])
    assert (part.num_rows, part.num_clips) == (0, 0)
    assert part.keypoints_2d.shape == (0, 2, 17, 2)


def test_select_takes_clips_of_different_lengths(table):
    uneven = dataclasses.replace(table, clip_start=np.array([0, 2, 9, 15]))
    part = tables.select(uneven, [2, 0])
    np.testing.assert_array_equal(part.clip_start, [0, 6, 8])
    np.testing.assert_array_equal(
        part.frame_index, np.r_[table.frame_index[9:], table.frame_index[:2]]
    )


def test_split_views_orders_by_clip_view_frame(table):
    split = tables.split_views(table)
    assert (split.num_rows, split.num_views, split.num_clips) == (30, 1, 6)
    assert split.clip_id[:3] == ("clip_0000/0", "clip_0000/1", "clip_0001/0")
    # Clip 1, view 1, frame 3.
    row = split.clip_start[3] + 3
    for name in ("keypoints_2d", "scores", "joints_3d", "joints_3d_valid"):
        np.testing.assert_array_equal(
            getattr(split, name)[row, 0], getattr(table, name)[5 + 3, 1]
        )
    np.testing.assert_array_equal(
        split.cameras["translation"][3, 0], table.cameras["translation"][1, 1]
    )
    assert split.image_size.shape == (6, 1, 2)
    assert split.action[row] == table.action[8]


def test_concatenate_keeps_what_all_have(table):
    other = synthetic.table(SKELETON, clips=2, frames=4, views=2, seed=1)
    other = dataclasses.replace(
        other,
        joints_3d=None,
        joints_3d_valid=None,
        datasets=("other:1.0.0",),
        action_names=("run", "walk", "sit"),
        action=np.repeat(np.array([0, 1], np.int32), 4),
    )
    both = tables.concatenate([table, other])
    assert both.datasets == ("synthetic:0.0.0", "other:1.0.0")
    assert (both.num_rows, both.num_clips) == (15 + 8, 5)
    np.testing.assert_array_equal(both.clip_start, [0, 5, 10, 15, 19, 23])
    assert both.action_names == ("walk", "sit", "wave", "run")
    np.testing.assert_array_equal(both.action[15:], [3] * 4 + [0] * 4)
    assert both.joints_3d is None
    assert both.cameras["rotation"].shape == (5, 2, 3, 3)


def test_concatenate_of_other_view_counts_splits_the_views(table):
    one = synthetic.table(SKELETON, clips=1, frames=4, views=1, cameras=False)
    both = tables.concatenate([table, one])
    assert (both.num_rows, both.num_views, both.num_clips) == (34, 1, 7)
    assert both.cameras is None


def test_concatenate_refuses_other_skeletons(table):
    other = synthetic.table(skeletons.load("deepmimic_16"), clips=1, views=2)
    with pytest.raises(
        ValueError,
        match="`human36m_17` .* and `deepmimic_16` .*differ in name, joints, "
        "parents, pairs",
    ):
        tables.concatenate([table, other])


def test_to_skeleton_maps_the_images_and_the_3d():
    coco = synthetic.table(skeletons.load("coco_17"), clips=1, frames=2)
    coco.scores[0, 0, 11] = 0.0  # a hip
    mapped = tables.to_skeleton(coco, SKELETON)
    assert mapped.skeleton == SKELETON
    hips = coco.joints_3d[:, :, 11:13].mean(axis=2)
    np.testing.assert_allclose(mapped.joints_3d[:, :, 0], hips, rtol=1e-6)
    hips = coco.keypoints_2d[:, :, 11:13].mean(axis=2)
    np.testing.assert_allclose(mapped.keypoints_2d[:, :, 0], hips, rtol=1e-6)
    assert mapped.scores[0, 0, 0] == 0.0  # the pelvis needs both hips
    assert mapped.scores[1, 0, 0] > 0.0
    assert mapped.scores.dtype == np.float32
    assert mapped.joints_3d_valid.dtype == bool


def test_to_its_own_skeleton_changes_nothing(table):
    assert tables.to_skeleton(table, SKELETON) is table


def test_to_a_skeleton_that_cannot_be_made(table):
    with pytest.raises(ValueError, match="No map from skeleton `human36m_17`"):
        tables.to_skeleton(table, skeletons.load("coco_17"))
