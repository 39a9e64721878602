"""Cameras from TOML."""

import numpy as np
import pytest

from tf_poselift.keypoint_files import calibration

TEXT = """\
[cam_b]
name = "right"
size = [1088.0, 1920.0]
matrix = [[1681.2, 0.0, 533.0], [0.0, 1681.1, 948.1], [0.0, 0.0, 1.0]]
distortions = [0.1, 0.2, 0.3, 0.4]
rotation = [0.0, 0.0, 1.5707963267948966]
translation = [0.3, -0.5, 2.0]
fisheye = false

[cam_a]
size = [640, 480]
matrix = [[500, 0, 320], [0, 500, 240], [0, 0, 1]]
distortions = [0.1, 0.2, 0.3, 0.4, 0.5]
rotation = [0.0, 0.0, 0.0]
translation = [0.0, 0.0, 0.0]

[metadata]
adjusted = false
error = 0.0
"""


def _read(tmp_path, text):
    (tmp_path / "cameras.toml").write_text(text)
    return calibration.read(tmp_path / "cameras.toml")


def test_cameras_are_in_the_order_of_the_file_and_in_millimetres(tmp_path):
    cameras = _read(tmp_path, TEXT)
    assert cameras.names == ("right", "cam_a")
    assert cameras.sections == ("cam_b", "cam_a")
    assert cameras.image_size.tolist() == [[1088.0, 1920.0], [640.0, 480.0]]
    assert cameras.intrinsics[0, 0].tolist() == [1681.2, 0.0, 533.0]
    np.testing.assert_array_equal(
        cameras.distortion,
        [[0.1, 0.2, 0.3, 0.4, 0.0], [0.1, 0.2, 0.3, 0.4, 0.5]],
    )
    assert cameras.translation.tolist() == [[300.0, -500.0, 2000.0], [0, 0, 0]]
    # A quarter turn about z takes x to y.
    quarter = [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    np.testing.assert_allclose(cameras.rotation[0], quarter, atol=1e-12)
    assert set(cameras.cameras()) == {
        "intrinsics",
        "distortion",
        "rotation",
        "translation",
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("fisheye = false", "fisheye = true",
         r"cameras.toml, \[cam_b\]: `fisheye` must be false"),
        ("size = [640, 480]", "", r"\[cam_a\]: `size` must be numbers"),
        ("[500, 0, 320]", "[500, 3, 320]", r"`matrix` must be \[\[f_x, 0, c_x"),
        ("0.3, 0.4, 0.5]", "0.3]", "`distortions` must be k1, k2, p1, p2 and"),
        ('rotation = [0.0, 0.0, 0.0]', 'rotation = ["x", 0.0, 0.0]',
         "`rotation` must be numbers"),
        ("translation = [0.3, -0.5, 2.0]", "translation = [300, -500, 2000]",
         "`translation` must be in metres. .* Divide millimetres by 1000"),
        ("[cam_a]", '[cam_a]\nname = "right"', "each of another name"),
        (TEXT, "[metadata]\nerror = 0.0", "`matrix` for every camera.*: none"),
        ("[cam_b]", "[cam_b", "cameras.toml is not valid TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(old, new, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        _read(tmp_path, TEXT.replace(old, new, 1))
