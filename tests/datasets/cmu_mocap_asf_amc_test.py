"""ASF and AMC files: forward kinematics by hand, and damage."""

import importlib
import os
import pathlib
import sys

import numpy as np
import pytest

DATASETS = pathlib.Path(__file__).parents[2] / "datasets"
sys.path.insert(0, str(DATASETS))
asf_amc = importlib.import_module("cmu_mocap.asf_amc")

MM = 25.4 / 0.45  # millimetres per unit of length
ASF = """# a comment
:version 1.10
:units
  mass 1.0
  length 0.45
  angle deg
:root
   order TX TY TZ RX RY RZ
   axis XYZ
   position 0 0 0
   orientation 0 0 0
:bonedata
  begin
     id 1
     name hand
     direction 1 0 0
     length 2
     axis 0 0 0  XYZ
  end
  begin
     id 2
     name arm
     direction 1 0 0
     length 1
     axis 0 0 90  XYZ
    dof rz rx
    limits (-90.0 90.0)
           (-90.0 90.0)
  end
:hierarchy
  begin
    root arm
    arm hand
  end
"""
# The root turns by 90 degrees about y. The arm turns by 90 about its own x
# axis, which `axis` lays along y.
AMC = """# a comment
:FULLY-SPECIFIED
:DEGREES
1
arm 0 9e+001
root 0 1 0 0 90 0
2
# another comment
arm 90 3.64024e-015
root 0 1 0 0 90 0
3
arm 0 0
root 0 2 0 0 0 0
"""


def _files(tmp_path, *, asf: str = ASF, amc: str = AMC):
    """Writes with the line ends of the archive."""
    paths = tmp_path / "09.asf", tmp_path / "09_01.amc"
    for path, text in zip(paths, (asf, amc), strict=True):
        path.write_bytes(text.replace("\n", "\r\n").encode())
    return paths


def test_bones_are_placed_by_hand_worked_rotations(tmp_path):
    asf, amc = _files(tmp_path)
    bones = asf_amc.read_asf(asf)
    assert bones.names == ("root", "arm", "hand")
    motion = asf_amc.read_amc(amc, bones)
    ends, rotations = asf_amc.place_bones(bones, motion)
    arm = [
        [-1, 1, 0],  # Ry(90) @ Ry(90) @ x
        [0, 2, 0],  # Ry(90) @ Rz(90) @ x
        [1, 2, 0],
    ]
    np.testing.assert_allclose(ends[:, 1], MM * np.array(arm), atol=1e-9)
    # The hand goes on, twice as far.
    hand = [[-3, 1, 0], [0, 4, 0], [3, 2, 0]]
    np.testing.assert_allclose(ends[:, 2], MM * np.array(hand), atol=1e-9)
    np.testing.assert_allclose(ends[:, 0, 1], MM * np.array([1, 1, 2]))
    np.testing.assert_allclose(rotations[2], np.stack([np.eye(3)] * 3))


def test_every_nth_frame_is_kept(tmp_path):
    asf, amc = _files(tmp_path)
    bones = asf_amc.read_asf(asf)
    whole = asf_amc.read_amc(amc, bones)
    picked = asf_amc.read_amc(amc, bones, stride=2)
    np.testing.assert_array_equal(picked, whole[::2])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (":units", ":unit", r"09.asf must have an entry 'units'"),
        ("     length 2\n", "", r"09.asf must have an entry 'length'"),
        ("root arm\n", "root hand\n", r"09.asf must have an entry 'arm'"),
        ("direction 1 0", "direction x 0", "09.asf is no valid.*float: 'x'"),
        ("90  XYZ", "90  ZYX", "every `axis` must be in the order XYZ"),
        ("rz rx", "rz l", "every `dof` must be among rx, ry, rz"),
        ("root arm\n", "hand arm\n", "the parents of `.*` form a cycle"),
        ("angle deg", "angle rad", "angles must be in degrees"),
    ],
)
def test_a_damaged_skeleton_is_named(tmp_path, old, new, message):
    asf, _ = _files(tmp_path, asf=ASF.replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        asf_amc.read_asf(asf)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t[: t.rindex("root")], "09_01.amc: the last frame, 3, must"),
        (lambda t: t[: t.rindex(" 0")], "Is the file complete?"),
        (lambda t: t.replace("arm 90 3.64024e-015\n", ""),
         "09_01.amc: frame 3 must start with its number, 3 lines after"),
        (lambda t: t.replace("9e+001", "nan"), "09_01.amc: `arm` has a value "),
        (lambda t: t.replace("9e+001", "?"), "09_01.amc: `arm`: .*string '.'"),
        (lambda t: t.replace("arm 0 0", "arm 0"), "09_01.amc: `arm`: .*column"),
        (lambda t: t.replace("arm 0 0", "leg 0 0"), "must have the same line"),
        (lambda t: t.replace("arm", "leg"),
         "first frame must have a line for each of root, arm. Received: leg"),
        (lambda t: t.replace(":DEGREES", ""), "must have a line `:DEGREES`"),
    ],
)  # fmt: skip
def test_a_damaged_motion_is_named(tmp_path, change, message):
    asf, amc = _files(tmp_path, amc=change(AMC))
    bones = asf_amc.read_asf(asf)
    with pytest.raises(ValueError, match=message):
        asf_amc.read_amc(amc, bones)


# Metres, frame 1 of 01_01.amc, by an independent implementation.
GOLDEN = {
    "root": [0.529, 1.0086, -0.9776],
    "lhipjoint": [0.5928, 0.9053, -0.917],
    "lfemur": [0.6142, 0.5019, -0.9253],
    "ltibia": [0.6507, 0.1092, -1.0778],
    "rhipjoint": [0.4437, 0.9137, -0.9369],
    "rfemur": [0.4364, 0.4947, -0.9152],
    "rtibia": [0.439, 0.1059, -1.0839],
    "rfoot": [0.4086, 0.0611, -0.959],
    "lowerback": [0.5361, 1.1234, -0.9879],
    "thorax": [0.5349, 1.3555, -0.991],
    "upperneck": [0.5499, 1.5503, -0.9742],
    "head": [0.5491, 1.6402, -0.9303],
    "lclavicle": [0.722, 1.4321, -0.9821],
    "lhumerus": [0.8035, 1.2674, -0.7692],
    "lwrist": [0.6438, 1.5136, -0.7989],
    "rclavicle": [0.3601, 1.4237, -1.0426],
    "rhumerus": [0.3592, 1.1281, -1.0295],
    "rradius": [0.3305, 0.95, -0.9571],
    "rwrist": [0.3161, 0.8609, -0.921],
}


def test_a_real_frame_agrees_with_another_implementation():
    folder = os.environ.get("TF_POSELIFT_DATA", "")
    subject = pathlib.Path(folder) / "cmu_mocap/all_asfamc/subjects/01"
    if not folder or not subject.is_dir():
        pytest.skip("needs cmu_mocap in the folder TF_POSELIFT_DATA")
    bones = asf_amc.read_asf(subject / "01.asf")
    motion = asf_amc.read_amc(subject / "01_01.amc", bones)
    assert motion.shape == (2751, 62)
    ends, _ = asf_amc.place_bones(bones, motion[:1])
    for name, position in GOLDEN.items():
        np.testing.assert_allclose(
            ends[0, bones.names.index(name)] / 1000.0,
            position,
            atol=0.0001,
            err_msg=name,
        )
