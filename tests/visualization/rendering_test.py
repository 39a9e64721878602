"""Films and pages: what is in them, and that nothing is left of a failure."""

import errno
import importlib.util
import json
import pathlib
import re

import numpy as np
import pytest
from PIL import Image

from tf_poselift import skeletons
from tf_poselift.visualization import animation
from tf_poselift.visualization import rendering
from tf_poselift.visualization import scene as scene_lib
from tf_poselift.visualization import skeleton_plots
from tf_poselift.visualization import viewer

SKELETON = skeletons.from_dict(
    {
        "name": "four",
        "joints": {"hip": None, "head": "hip", "l": "hip", "r": "hip"},
        "pairs": [["l", "r"]],
        "head": "head",
    }
)
POSE = np.array([[0, 0, 0], [0, -4, 0], [2, 0, 3], [-2, 0, -3]], float)
needs_plotly, needs_ffmpeg = (
    pytest.mark.skipif(
        importlib.util.find_spec(module) is None,
        reason=f"{module} is not installed; it is in the extra `video`",
    )
    for module in ("plotly", "imageio_ffmpeg")
)


def people(count=10):
    points = np.tile(POSE[:, :2] * 20 + [160, 120], (count, 1, 1))
    joints = np.tile(POSE, (count, 1, 1))
    joints[3, 2] = points[3, 2] = np.nan
    return [(np.arange(count) + 5, points, joints)]


def render(path, **options):
    return rendering.render(
        people(), path, skeleton=SKELETON, fps=25.0, **options
    )


def colours_of(image: np.ndarray) -> set[str]:
    """Which of the sides' colours a picture shows."""
    return {
        side
        for side, colour in skeleton_plots.COLOURS.items()
        if (
            np.abs(image.astype(int) - [*bytes.fromhex(colour[1:])]).max(-1)
            < 40
        ).sum()
        > 30
    }


def test_a_picture_shows_2d_left_and_3d_right():
    scene = scene_lib.make(people(), skeleton=SKELETON, fps=25.0)
    whole, missing = animation.pictures(scene, None, range(2, 4))
    assert whole.shape == (640, 1280, 3)
    for half in (whole[:, :640], whole[:, 640:]):
        assert colours_of(half) == {"left", "right", "middle"}
    assert colours_of(missing[:, :640]) == {"right", "middle"}


def test_3d_turns_and_2d_does_not():
    frames, points, joints = people(101)[0]
    points, joints = points[[0] * 101], joints[[0] * 101]
    scene = scene_lib.make(
        [(frames, points, joints)], skeleton=SKELETON, fps=25.0
    )
    start, quarter = animation.pictures(scene, None, range(0, 100, 50))
    np.testing.assert_array_equal(start[:, :640], quarter[:, :640])
    assert (start[:, 640:] != quarter[:, 640:]).any()


def test_a_gif(tmp_path):
    path = tmp_path / "new" / "folder" / "a.gif"
    rendering.check(str(path), None)
    assert not path.parent.parent.exists()
    assert render(path) == 5
    with Image.open(path) as film:
        assert film.size == (1280, 640)
        assert film.info["duration"] == 80 and film.info["loop"] == 0
        shown = np.asarray(film.convert("RGB"))
    assert colours_of(shown) == {"left", "right", "middle"}
    assert [p.name for p in path.parent.iterdir()] == ["a.gif"]


def test_a_picture_of_some_poses(tmp_path):
    path = tmp_path / "new" / "a.png"
    assert render(path) == 10
    with Image.open(path) as picture:
        shown = np.asarray(picture.convert("RGB"))
    assert colours_of(shown) == {"left", "right", "middle"}
    nobody = [(f, p, np.full_like(j, np.nan)) for f, p, j in people()]
    with pytest.raises(ValueError, match="must have a pose that was lifted"):
        rendering.render(nobody, path, skeleton=SKELETON, fps=25.0)


@needs_ffmpeg
def test_an_mp4_and_a_video_behind(tmp_path):
    import imageio_ffmpeg

    video = tmp_path / "video.mp4"
    writer = imageio_ffmpeg.write_frames(str(video), (320, 240), fps=25)
    writer.send(None)
    for shade in range(12):  # shorter than the keypoints
        writer.send(np.full((240, 320, 3), 20 * shade, np.uint8))
    writer.close()
    out = tmp_path / "a.mp4"
    assert render(out, video=video) == 10
    reader = imageio_ffmpeg.read_frames(str(out))
    about = next(reader)
    images = [np.frombuffer(i, np.uint8).reshape(640, 1280, 3) for i in reader]
    assert about["size"] == (1280, 640) and about["fps"] == 25.0
    assert len(images) == 10
    # The corner of the video's frames 5 and 10, and its end.
    corners = [int(images[i][100, 20].mean()) for i in (0, 5, 8)]
    np.testing.assert_allclose(corners, [100, 200, 243], atol=12)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "video.mp4"]

    with pytest.raises(ValueError, match="one of 320 x 240 .* is 640 x 480"):
        render(out, video=video, image_size=(640.0, 480.0))
    with pytest.raises(ValueError, match="100% of the joints lie outside"):
        shifted = [(f, points + 900, j) for f, points, j in people()]
        rendering.render(shifted, out, skeleton=SKELETON, fps=25.0, video=video)
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(ValueError, match="text.mp4 must be a video"):
        render(out, video=tmp_path / "text.mp4")
    assert len(list(tmp_path.iterdir())) == 3


@needs_plotly
def test_a_page_needs_no_network_and_has_every_frame(tmp_path):
    path = tmp_path / "a.html"
    assert render(path) == 10
    page = path.read_text("utf-8")
    # Nothing is fetched; the library is in the page.
    assert not re.search(r"<script[^>]*\ssrc=", page)
    assert "<link" not in re.sub(r"<script.*?</script>", "", page, flags=re.S)
    assert len(page) > 1_000_000 and "Plotly.newPlot" in page
    assert "Plotly.addFrames" in page
    for text in ('"Play"', '"Pause"', '"prefix":"frame "', "drag to turn"):
        assert text in page.replace(": ", ":").replace('"prefix":  ', "")
    frames = re.search(r"Plotly\.addFrames\('[^']+', (\[.*?\])\);", page, re.S)
    content = json.loads(frames[1])
    assert [frame["name"] for frame in content] == [
        str(i + 5) for i in range(10)
    ]
    assert {len(frame["data"]) for frame in content} == {6}
    assert [p.name for p in tmp_path.iterdir()] == ["a.html"]


@needs_plotly
def test_a_page_shows_up_as_up():
    scene = scene_lib.make(people(), skeleton=SKELETON, fps=25.0)
    figure = viewer._figure(scene)
    lines = {t.name: t for t in figure.data if t.type == "scatter3d"}
    hip, head, gap = np.stack(
        [lines["middle"].x, lines["middle"].y, lines["middle"].z], axis=-1
    )
    np.testing.assert_allclose(head - hip, [0, 0, 4])
    assert np.isnan(gap).all()
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]
    # Frame 8: the left joint is missing.
    left = figure.frames[3].data[3]
    assert left.name == "left" and np.isnan(left.x).all()


@needs_plotly
def test_a_long_video_is_thinned_out(tmp_path):
    scene_frames = people(1500)
    count = rendering.render(
        scene_frames, tmp_path / "a.html", skeleton=SKELETON, fps=25.0
    )
    assert count == 500


@pytest.mark.parametrize("ending", [".gif", ".png", ".html"])
def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch, ending):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(animation, "pictures", full)
    monkeypatch.setattr(skeleton_plots, "save", full)
    monkeypatch.setattr(pathlib.Path, "write_text", full)
    path = tmp_path / f"a{ending}"
    with pytest.raises(OSError, match="No space left") as caught:
        render(path)
    assert caught.value.filename == str(path)
    assert not list(tmp_path.iterdir())


@needs_ffmpeg
@pytest.mark.parametrize("blocks", [0, 2, 5])
def test_a_full_disk_leaves_no_broken_film(tmp_path, monkeypatch, blocks):
    """ffmpeg has been given all frames by the time it writes most of them."""
    import imageio_ffmpeg

    exe = tmp_path / "bin" / "ffmpeg"
    exe.parent.mkdir()
    # Of 1024 bytes; what is ignored here is an error of writing there.
    exe.write_text(
        f"#!/bin/bash\ntrap '' XFSZ\nulimit -f {blocks}\n"
        f'exec {imageio_ffmpeg.get_ffmpeg_exe()} "$@"\n'
    )
    exe.chmod(0o700)
    out = tmp_path / "out" / "a.mp4"
    out.parent.mkdir()
    out.write_bytes(b"of an earlier run")
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(exe))
    with pytest.raises(OSError, match="ffmpeg cannot write all") as caught:
        render(out)
    assert caught.value.filename == str(out)
    assert [p.name for p in out.parent.iterdir()] == ["a.mp4"]
    assert out.read_bytes() == b"of an earlier run"


@pytest.mark.parametrize(
    ("name", "video", "error", "message"),
    [
        (
            "a.avi",
            None,
            ValueError,
            "ends in .mp4, .gif, .html, .png. Received: ",
        ),
        ("a.html", "v.mp4", ValueError, "can stand behind an .mp4 or .gif"),
        ("a.gif", "v.mp4", FileNotFoundError, "No video at"),
        ("f.gif", None, ValueError, "must be a file. Received: a folder"),
        pytest.param(
            *("a.gif", "text.mp4", ValueError, "text.mp4 must be a video"),
            marks=needs_ffmpeg,
        ),
    ],
)
def test_what_cannot_be_rendered(name, video, error, message, tmp_path):
    (tmp_path / "f.gif").mkdir()
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(error, match=message):
        rendering.check(str(tmp_path / name), video and str(tmp_path / video))


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(rendering._NEEDS, ".html", "no_such_package")
    with pytest.raises(ImportError, match=r"`no-such-package`: `pip install"):
        rendering.check(str(tmp_path / "a.html"), None)
