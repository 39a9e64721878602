"""BVH files, read back by the project's own reader."""

import re

import numpy as np
import pytest
from scipy.spatial import transform

from tf_poselift import skeletons
from tf_poselift.data import bvh
from tf_poselift.geometry import body
from tf_poselift.geometry import joint_rotations
from tf_poselift.keypoint_files import lifted
from tf_poselift.keypoint_files import on_disk
from tf_poselift.keypoint_files import write_bvh
from tf_poselift.keypoint_files import writing


def moving(skeleton, frames=80, seed=0) -> np.ndarray:
    """Returns [T, J, 3], y down: random bones that turn, with some noise."""
    rng = np.random.default_rng(seed)
    joints_3d = np.zeros((frames, skeleton.num_joints, 3))
    t = np.linspace(0.0, 4.0, frames)
    for joint in joint_rotations.depth_first(skeleton):
        parent = skeleton.parents[joint]
        if parent < 0:
            continue
        start = rng.normal(size=3)
        start *= rng.uniform(0.1, 0.4) / np.linalg.norm(start)
        axis = rng.normal(size=3)
        turn = transform.Rotation.from_rotvec(np.sin(t)[:, None] * axis)
        joints_3d[:, joint] = joints_3d[:, parent] + turn.apply(start)
    joints_3d += rng.normal(0.0, 0.01, joints_3d.shape)
    return joints_3d.astype(np.float32)


def video(skeleton, joints_3d, *, unit="m", frame_index=None, fps=50.0):
    count = len(joints_3d)
    person = lifted.Person(
        number=2,
        frame_index=np.arange(count) if frame_index is None else frame_index,
        keypoints_2d=np.zeros((*joints_3d.shape[:2], 2), np.float32),
        scores=np.isfinite(joints_3d[..., 0]).astype(np.float32),
        joints_3d=joints_3d.astype(np.float32),
        size=np.ones(count, np.float32),
    )
    return lifted.Video("walk", skeleton, (person,), fps, unit)


def read_back(path, skeleton):
    """Returns the motion and its joints [T, J, 3], y down again."""
    motion = bvh.read(path)
    positions, _ = bvh.place_joints(motion)
    order = [motion.joints.index(joint) for joint in skeleton.joints]
    return motion, positions[:, order] * lifted.TO_Y_UP


@pytest.mark.parametrize("name", skeletons.names())
def test_the_reader_gives_the_fitted_skeleton_back(name, tmp_path):
    skeleton = skeletons.load(name)
    joints_3d = moving(skeleton)
    given = video(skeleton, joints_3d)
    fit = write_bvh.write(tmp_path / "a.bvh", given, given.people[0])
    motion, positions = read_back(tmp_path / "a.bvh", skeleton)
    assert motion.fps == pytest.approx(50.0)
    # What was fitted, made again.
    up = joints_3d * lifted.TO_Y_UP
    lengths = body.median(body.bone_lengths(joints_3d, skeleton))
    figure = joint_rotations.make_body(up, lengths, skeleton)
    _, placed = joint_rotations.fit(figure, up)
    error = np.linalg.norm(positions - placed * lifted.TO_Y_UP, axis=-1)
    assert error.max() < 1e-3  # 1 mm; it is about 0.01
    error = np.linalg.norm(positions - joints_3d, axis=-1)
    assert fit.distance == pytest.approx(error.mean(), abs=1e-5)
    # One length for every bone: the median.
    own = body.bone_lengths(positions, skeleton)
    np.testing.assert_allclose(own, np.tile(lengths, (80, 1)), atol=1e-5)


@pytest.mark.parametrize(
    ("noise", "verdict"), [(0.0, "good"), (0.025, "usable"), (0.3, "POOR")]
)
def test_the_fit_has_a_verdict(noise, verdict, tmp_path):
    skeleton = skeletons.load("human36m_17")
    joints_3d = np.tile(moving(skeleton)[:1], (80, 1, 1))
    joints_3d += np.random.default_rng(0).normal(0.0, noise, joints_3d.shape)
    given = video(skeleton, joints_3d)
    _, (note,) = writing.write(given, tmp_path, ["bvh"])
    assert f"of their distance from the root: {verdict}" in note
    assert " mm from the lifted joints in the mean, " in note


def test_the_hierarchy_is_the_skeletons_tree(tmp_path):
    skeleton = skeletons.load("body_25b")
    given = video(skeleton, moving(skeleton))
    write_bvh.write(tmp_path / "a.bvh", given, given.people[0])
    text = (tmp_path / "a.bvh").read_text()
    assert text.startswith("HIERARCHY\nROOT upper_neck\n{\n  OFFSET 0.000000 ")
    motion = bvh.read(tmp_path / "a.bvh")
    for joint, parent in zip(motion.joints, motion.parents, strict=True):
        if joint in skeleton.joints and parent >= 0:
            own = skeleton.parents[skeleton.joints.index(joint)]
            assert motion.joints[parent] == skeleton.joints[own]
    leaves = set(range(25)) - set(skeleton.parents)
    assert text.count("End Site") == len(leaves)
    assert text.count("CHANNELS 3 Zrotation Xrotation Yrotation") == 24
    # Blender: every frame on a line of its own, as many numbers as channels.
    rows = text.partition("Frame Time:")[2].splitlines()[1:]
    assert {len(row.split()) for row in rows} == {6 + 24 * 3}


def test_millimetres_become_metres(tmp_path):
    skeleton = skeletons.load("human36m_17")
    joints_3d = moving(skeleton)
    distances = []
    for unit, factor in (("m", 1.0), ("mm", 1000.0)):
        given = video(skeleton, joints_3d * np.float32(factor), unit=unit)
        path = tmp_path / f"{unit}.bvh"
        fit = write_bvh.write(path, given, given.people[0])
        distances.append(fit.distance)
    assert distances[1] == pytest.approx(1000.0 * distances[0], rel=1e-3)
    (_, one), (_, other) = (
        read_back(tmp_path / f"{unit}.bvh", skeleton) for unit in ("m", "mm")
    )
    np.testing.assert_allclose(one, other, atol=1e-4)


def test_gaps_are_filled_and_time_is_kept(tmp_path):
    skeleton = skeletons.load("human36m_17")
    whole = moving(skeleton)
    kept = np.setdiff1d(np.arange(80), np.arange(30, 36))
    joints_3d = whole[kept]
    joints_3d[10:14, 5] = np.nan  # a knee for four frames
    joints_3d[:, 10] = np.nan  # a head never
    given = video(skeleton, joints_3d, frame_index=kept + 7)
    write_bvh.write(tmp_path / "a.bvh", given, given.people[0])
    motion, positions = read_back(tmp_path / "a.bvh", skeleton)
    assert len(positions) == 80 and np.isfinite(positions).all()
    error = np.linalg.norm(positions - whole, axis=-1)
    assert error[:, :7].max() < 0.3


def test_angles_do_not_jump_by_full_turns(tmp_path, monkeypatch):
    """Three turns about y in chunks of seven frames."""
    skeleton = skeletons.load("human36m_17")
    turn = transform.Rotation.from_euler(
        "y", np.linspace(0.0, 1080.0, 90)[:, None], degrees=True
    ).as_matrix()
    rest = moving(skeleton, frames=1)[0] * [0.1, 1.0, 0.1]
    joints_3d = np.einsum("tij,kj->tki", turn, rest)
    given = video(skeleton, joints_3d)
    monkeypatch.setattr(on_disk, "CHUNK", 7)
    write_bvh.write(tmp_path / "a.bvh", given, given.people[0])
    motion, positions = read_back(tmp_path / "a.bvh", skeleton)
    assert np.abs(np.diff(motion.values[:, 3:], axis=0)).max() < 181.0
    assert np.ptp(motion.values[:, 5]) > 1000.0


def test_angles_take_the_way_that_is_near(tmp_path, monkeypatch):
    """An arm that swings through straight ahead, where x passes 90 degrees."""
    skeleton = skeletons.from_dict(
        {"name": "arm", "joints": {"a": None, "b": "a", "c": "b", "d": "b"}}
    )
    x = np.radians(np.linspace(0.0, 340.0, 120))
    turn = transform.Rotation.from_rotvec(np.outer(x, [1, 0, 0])).as_matrix()
    start = np.array([[0, 0, 0], [0, 1, 0], [0.4, 1.5, 0], [-0.4, 1.5, 0]])
    joints_3d = np.einsum("tij,kj->tki", turn, start)
    monkeypatch.setattr(on_disk, "CHUNK", 50)
    given = video(skeleton, joints_3d)
    write_bvh.write(tmp_path / "a.bvh", given, given.people[0])
    motion, positions = read_back(tmp_path / "a.bvh", skeleton)
    assert np.abs(np.diff(motion.values[:, 3:], axis=0)).max() < 10.0
    np.testing.assert_allclose(positions, joints_3d, atol=1e-3)


def test_nobody_lifted_is_refused(tmp_path):
    skeleton = skeletons.load("human36m_17")
    given = video(skeleton, np.full((3, 17, 3), np.nan))
    with pytest.raises(ValueError, match="Person 2 of walk must have a joint"):
        write_bvh.write(tmp_path / "a.bvh", given, given.people[0])


def test_a_frame_time_is_seconds(tmp_path):
    skeleton = skeletons.load("human36m_17")
    given = video(skeleton, moving(skeleton, frames=1), fps=29.97)
    write_bvh.write(tmp_path / "a.bvh", given, given.people[0])
    text = (tmp_path / "a.bvh").read_text()
    assert re.search(r"Frames: 1\nFrame Time: 0.033366700\n", text)
