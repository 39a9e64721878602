"""BVH files: hierarchy, channels, whitespace, damage."""

import numpy as np
import pytest

from tf_poselift.data import bvh

HIERARCHY = """HIERARCHY
ROOT hip
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT knee
  {
    OFFSET 1 0 0
    CHANNELS 3 Xrotation Zrotation Yrotation
    End Site
    {
      OFFSET 0 2 0
    }
  }
  JOINT tail
  {
    OFFSET 0 0 -3
    CHANNELS 1 Yrotation
  }
}
"""
# At (1, 2, 3), turned by 90 degrees about z; the knee by 90 about x.
FRAME = "1 2 3 90 0 0 90 0 0 0"


def _write(tmp_path, frames, *, hierarchy=HIERARCHY, frame_time="0.00833333"):
    path = tmp_path / "clip.bvh"
    path.write_text(
        f"{hierarchy}MOTION\nFrames: {len(frames)}\nFrame Time: {frame_time}\n"
        + "\n".join(frames)
        + "\n"
    )
    return path


def _place(path, **options):
    motion = bvh.read(path, **options)
    positions, _ = bvh.place_joints(motion)
    return dict(zip(motion.joints, positions.swapaxes(0, 1), strict=True))


def test_joints_are_placed_by_hand_worked_rotations(tmp_path):
    joints = _place(_write(tmp_path, [FRAME]))
    np.testing.assert_allclose(joints["hip"], [[1, 2, 3]], atol=1e-12)
    np.testing.assert_allclose(joints["knee"], [[1, 3, 3]], atol=1e-12)
    # Rz(90) @ Rx(90) @ (0, 2, 0) = (0, 0, 2)
    np.testing.assert_allclose(joints["knee_end"], [[1, 3, 5]], atol=1e-12)
    np.testing.assert_allclose(joints["tail"], [[1, 2, 0]], atol=1e-12)


@pytest.mark.parametrize(
    ("order", "end"),
    [
        # (0, 2, 0) turned first by the last channel.
        ("Xrotation Zrotation Yrotation", [-2, 0, 0]),  # Rx @ Rz
        ("Zrotation Xrotation Yrotation", [0, 0, 2]),  # Rz @ Rx
    ],
)
def test_channels_multiply_in_their_order(tmp_path, order, end):
    hierarchy = HIERARCHY.replace("Xrotation Zrotation Yrotation", order)
    joints = _place(
        _write(tmp_path, ["0 0 0 0 0 0 90 90 0 0"], hierarchy=hierarchy)
    )
    np.testing.assert_allclose(
        joints["knee_end"] - joints["knee"], [end], atol=1e-12
    )


def test_position_channels_take_the_place_of_the_offset(tmp_path):
    hierarchy = HIERARCHY.replace(
        "CHANNELS 1 Yrotation", "CHANNELS 2 Zposition Yrotation"
    )
    frames = ["0 0 0 0 0 0 0 0 0 -5 0", "0 0 0 0 90 0 0 0 0 -6 0"]
    joints = _place(_write(tmp_path, frames, hierarchy=hierarchy))
    np.testing.assert_allclose(
        joints["tail"], [[0, 0, -5], [0, 6, 0]], atol=1e-12
    )
    np.testing.assert_allclose(joints["knee"], [[1, 0, 0]] * 2, atol=1e-12)


def test_whitespace_does_not_matter(tmp_path):
    plain = _place(_write(tmp_path, [FRAME, FRAME]))
    words = FRAME.split()
    text = " ".join(HIERARCHY.split()) + (
        "\r\nMOTION\r\n\r\nFrames:\t2\r\nFrame Time:\t0.00833333\r\n"
    )
    broken = ["\t ".join(words[:4]), " ".join(words[4:]) + " ", "", FRAME]
    path = tmp_path / "odd.bvh"
    path.write_bytes((text + "\r\n".join(broken)).encode())
    for name, positions in _place(path).items():
        np.testing.assert_array_equal(positions, plain[name], err_msg=name)


def test_frames_are_picked_at_the_wanted_rate(tmp_path):
    frames = [f"{x} 0 0 0 0 0 0 0 0 0" for x in range(9)]
    motion = bvh.read(_write(tmp_path, frames), fps=30.0)
    assert motion.frame_index.tolist() == [0, 4, 8]
    assert motion.values[:, 0].tolist() == [0.0, 4.0, 8.0]
    assert motion.fps == pytest.approx(30.0, rel=1e-5)
    with pytest.raises(ValueError, match=r"multiple of 30 Hz. Received: 50 Hz"):
        bvh.read(_write(tmp_path, frames, frame_time="0.02"), fps=30.0)


def test_keep_places_the_joints_as_the_whole_does(tmp_path):
    frames = [" ".join(map(str, np.random.default_rng(0).normal(0, 40, 10)))]
    motion = bvh.read(_write(tmp_path, frames))
    kept = bvh.keep(motion, ["knee"])
    assert kept.joints == ("hip", "knee")
    np.testing.assert_allclose(
        bvh.place_joints(kept)[0], bvh.place_joints(motion)[0][:, :2]
    )
    with pytest.raises(ValueError, match=r"Unknown joint `toe`. Known: hip"):
        bvh.keep(motion, ["toe"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t[: t.rindex("90")],
         r"clip.bvh must have 3 frames x 10 channels = 30 numbers. "
         r"Received: 26. Is the file complete"),
        (lambda t: t[: t.index("MOTION")], "clip.bvh must have a line `MO"),
        (lambda t: t.replace(" 90", " nan"), "clip.bvh must have 10 finite"),
        (lambda t: t.replace(" 90", " x"), "clip.bvh: could not convert .*'x'"),
        (lambda t: t.replace("}\n}", "}"), "clip.bvh: .* around exactly one"),
        (lambda t: t.replace("OFFSET 1 0 0", ""), "finite OFFSET"),
        (lambda t: t.replace("1 Yrotation", "1 Wrotation"),
         r"unknown channels \['Wrotation'\]"),
        (lambda t: t.replace("0.008", "-0.008"), "`Frame Time` must be positi"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_named(tmp_path, change, message):
    path = _write(tmp_path, [FRAME] * 3)
    path.write_text(change(path.read_text()))
    with pytest.raises(ValueError, match=message):
        bvh.read(path)
