"""Whether keypoints are doubted that are called by the wrong skeleton."""

import numpy as np
import pytest

from tf_poselift import skeletons
from tf_poselift.data import synthetic
from tf_poselift.keypoint_files import layouts
from tf_poselift.keypoint_files import reading


def people(name: str):
    """Made-up people of a skeleton, one of whom lacks joints."""
    table = synthetic.table(skeletons.load(name), clips=2, frames=15)
    scores = table.scores[:, 0].copy()
    scores[::2, :3] = 0.0
    points = table.keypoints_2d[:, 0]
    return [
        (points[:15], scores[:15]),
        (points[15:], np.ones_like(scores[15:])),
    ]


@pytest.mark.parametrize("name", skeletons.names())
def test_the_right_skeleton_is_not_doubted(name):
    assert layouts.doubt(people(name), skeletons.load(name)) is None


@pytest.mark.parametrize(
    ("given", "own"),
    [
        ("body_25", "body_25b"),
        ("body_25b", "body_25"),
        ("coco_17", "human36m_17"),
        ("mpii_16", "deepmimic_16"),
    ],
)
def test_the_wrong_one_is(given, own):
    text = layouts.doubt(people(own), skeletons.load(given))
    assert text.startswith(f"WARNING: are these the joints of `{given}`? ")
    assert text.endswith(f"(`--skeleton={own}`)")


def test_real_files_of_openpose(raw_data):
    folder = raw_data / "pose2sim_demo" / "pose"
    if not folder.is_dir():
        pytest.skip("TF_POSELIFT_DATA names no folder with pose2sim_demo")
    right, wrong = skeletons.load("body_25b"), skeletons.load("body_25")
    for path in reading.sources(folder):
        found = [
            (track.keypoints_2d, track.scores)
            for track in reading.read(path, right)
        ]
        assert layouts.doubt(found, right) is None
        assert "`body_25b`" in layouts.doubt(found, wrong)


def test_nothing_that_was_seen_is_no_doubt():
    skeleton = skeletons.load("body_25")
    found = [(np.zeros((4, 25, 2)), np.zeros((4, 25)))]
    assert layouts.doubt(found, skeleton) is None
