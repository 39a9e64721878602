"""A scene as a film: the 2D skeleton beside a 3D skeleton that turns round.

MP4 through `imageio-ffmpeg` (which brings ffmpeg along), GIF through Pillow.
"""

import dataclasses
import errno
import pathlib
from collections.abc import Generator
from collections.abc import Iterator

import numpy as np
from matplotlib import figure as mpl_figure
from matplotlib import image as mpl_image

from tf_poselift.visualization import scene as scene_lib
from tf_poselift.visualization import skeleton_plots

_SIZE = (12.8, 6.4)  # inches at 100 dots; films want multiples of 16
_TURN = 8.0  # seconds of one turn
_ELEVATION = 0.2  # radians
_GIF_FPS = 12.5  # larger files, and slower than promised, above


def write(
    path: pathlib.Path,
    scene: scene_lib.Scene,
    *,
    video: pathlib.Path | None = None,
) -> int:
    """Writes an .mp4 or .gif file, beside first and then renamed.

    Args:
      path: the file.
      scene: what to draw.
      video: behind the 2D skeleton; its first frame has the number 0.

    Returns:
      the number of frames.

    Raises:
      ValueError: a video of another size than the scene's image.
      ImportError: the extra `video` is not installed.
      OSError: the file cannot be written; what was there before stays.
    """
    if video is not None:
        scene = dataclasses.replace(scene, image_size=_size_of(video, scene))
    beside = path.with_name(f".part-{path.name}")
    try:
        if path.suffix == ".gif":
            count = _write_gif(beside, scene, video)
        else:
            count = _write_mp4(beside, scene, video)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return count


def _write_gif(path, scene: scene_lib.Scene, video) -> int:
    from PIL import Image  # matplotlib brings it

    stride = max(1, round(scene.fps / _GIF_FPS))
    rows = range(0, len(scene.frames), stride)
    images = (
        Image.fromarray(image).quantize(256 if video else 64)
        for image in pictures(scene, video, rows)
    )
    next(images).save(
        path,
        format="GIF",
        save_all=True,
        append_images=images,
        duration=round(1000.0 * stride / scene.fps),
        loop=0,
    )
    return len(rows)


def _write_mp4(path, scene: scene_lib.Scene, video) -> int:
    import imageio_ffmpeg

    size = tuple(round(100 * inches) for inches in _SIZE)
    writer = imageio_ffmpeg.write_frames(
        str(path), size, fps=scene.fps, ffmpeg_log_level="error"
    )
    try:
        writer.send(None)
        for image in pictures(scene, video, range(len(scene.frames))):
            try:
                writer.send(np.ascontiguousarray(image))
            except OSError as error:  # with pages of ffmpeg's own words
                raise _no_film() from error
    finally:
        writer.close()
    _check_film(path, len(scene.frames))
    return len(scene.frames)


def _check_film(path: pathlib.Path, count: int) -> None:
    """Raises OSError unless all frames can be read again.

    Nobody tells how ffmpeg ended, and most of its bytes come at the end.
    """
    import imageio_ffmpeg

    try:
        found, _ = imageio_ffmpeg.count_frames_and_secs(path)
    except RuntimeError as error:
        raise _no_film() from error
    if found != count:
        raise _no_film()


def _no_film() -> OSError:
    return OSError(
        errno.EIO, "ffmpeg cannot write all frames, as on a full disk"
    )


def pictures(
    scene: scene_lib.Scene, video: pathlib.Path | None, rows: range
) -> Iterator[np.ndarray]:
    """Yields [H, W, 3] uint8 for some of the scene's frames.

    Args:
      scene: what to draw.
      video: behind the 2D skeleton, or None.
      rows: indices into `scene.frames`.
    """
    backgrounds = _backgrounds(scene, video, rows)
    around = np.array(scene.limits_3d())
    for row in rows:
        figure = mpl_figure.Figure(figsize=_SIZE, dpi=100)
        flat = figure.add_axes((0.0, 0.0, 0.5, 1.0))
        round_about = figure.add_axes((0.5, 0.0, 0.5, 1.0))
        _draw_2d(flat, scene, row, next(backgrounds))
        seconds = (scene.frames[row] - scene.frames[0]) / scene.fps
        for joints_3d in scene.joints_3d[:, row]:
            skeleton_plots.draw_3d(
                round_about,
                joints_3d,
                scene.skeleton,
                azimuth=2.0 * np.pi * seconds / _TURN,
                elevation=_ELEVATION,
                around=around,
            )
        figure.text(
            0.51, 0.02, f"frame {scene.frames[row]}", size=9, color="#555555"
        )
        yield skeleton_plots.to_image(figure)


def _draw_2d(axes, scene: scene_lib.Scene, row: int, background) -> None:
    low, high = scene.limits_2d()
    for keypoints_2d in scene.keypoints_2d[:, row]:
        skeleton_plots.draw_2d(axes, keypoints_2d, scene.skeleton)
    # The limits of the clip, not of the pose; up is up.
    axes.set_xlim(low[0], high[0])
    axes.set_ylim(-high[1], -low[1])
    if background is not None:
        axes.add_artist(_image(axes, background))


def _image(axes, background: np.ndarray) -> mpl_image.AxesImage:
    height, width = background.shape[:2]
    image = mpl_image.AxesImage(axes, extent=(0, width, -height, 0), zorder=0)
    image.set_data(background)
    return image


def _backgrounds(
    scene: scene_lib.Scene, video: pathlib.Path | None, rows: range
) -> Iterator[np.ndarray | None]:
    """Yields the pictures [H, W, 3] of a video; None where it has ended."""
    if video is None:
        while True:
            yield None
    width, height, reader = _open(video)
    try:
        number = -1
        for row in rows:
            image = None
            while number < scene.frames[row]:
                image = next(reader, None)
                number += 1
            yield (
                None
                if image is None
                else np.frombuffer(image, np.uint8).reshape(height, width, 3)
            )
    finally:
        reader.close()


def _open(video: pathlib.Path) -> tuple[int, int, Generator]:
    """Returns width, height and a generator of frames as bytes."""
    import imageio_ffmpeg

    reader = imageio_ffmpeg.read_frames(str(video))
    try:
        return *next(reader)["size"], reader
    except (OSError, RuntimeError, StopIteration) as error:
        reason = str(error).partition("\n")[0]  # the rest is ffmpeg's log
        raise ValueError(f"{video} must be a video. {reason}") from error


def video_size(video: pathlib.Path) -> tuple[int, int]:
    """Returns a video's width and height.

    Raises:
      ValueError: it cannot be read.
    """
    width, height, reader = _open(video)
    reader.close()
    return width, height


def _size_of(
    video: pathlib.Path, scene: scene_lib.Scene
) -> tuple[float, float]:
    """Returns a video's width and height.

    Raises:
      ValueError: it cannot be read, or the keypoints do not lie in it.
    """
    width, height = video_size(video)
    size, known = (float(width), float(height)), scene.image_size
    points = scene.keypoints_2d[np.isfinite(scene.keypoints_2d).all(axis=-1)]
    inside = ((points >= 0.0) & (points <= size)).all(axis=-1)
    if (known is not None and tuple(map(float, known)) != size) or (
        len(points) and inside.mean() < 0.5
    ):
        raise ValueError(
            f"{video} must be the video of the keypoints. Received: one of "
            f"{width} x {height} pixels, where "
            + (
                f"the keypoints' is {known[0]:g} x {known[1]:g}."
                if known
                else f"{1.0 - inside.mean():.0%} of the joints lie outside."
            )
        )
    return size
