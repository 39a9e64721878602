"""A lifted video as something to look at: by the ending of the file's name."""

import contextlib
import importlib.util
import pathlib
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from tf_poselift import skeletons
from tf_poselift.visualization import animation
from tf_poselift.visualization import gallery
from tf_poselift.visualization import scene as scene_lib
from tf_poselift.visualization import skeleton_plots
from tf_poselift.visualization import viewer

_NEEDS = {
    ".mp4": "imageio_ffmpeg",
    ".gif": "PIL",
    ".html": "plotly",
    ".png": "matplotlib",
}
_POSES = 10  # of a .png


def check(path: str, video: str | None) -> None:
    """Checks that a file can be rendered, before anything is computed.

    Args:
      path: of the .mp4, .gif, .html or .png file.
      video: behind an .mp4 or .gif, or None.

    Raises:
      ValueError: another ending, a folder of that name, a video behind a page
        or picture, or one that cannot be read.
      FileNotFoundError: no such video.
      ImportError: the extra `video` is not installed.
    """
    ending = pathlib.Path(path).suffix
    if ending not in _NEEDS:
        raise ValueError(
            f"`render` must be a file that ends in {', '.join(_NEEDS)}. "
            f"Received: {path}."
        )
    if pathlib.Path(path).is_dir():
        raise ValueError(
            f"`render` must be a file. Received: a folder, {path}."
        )
    needed = [_NEEDS[ending]]
    if video is not None:
        if ending not in (".mp4", ".gif"):
            raise ValueError(
                f"`video` can stand behind an .mp4 or .gif. Received: {ending}."
            )
        if not pathlib.Path(video).is_file():
            raise FileNotFoundError(f"No video at {video}.")
        needed.append("imageio_ffmpeg")
    for module in needed:
        if importlib.util.find_spec(module) is None:
            raise ImportError(
                f"{ending} needs the package `{module.replace('_', '-')}`: "
                "`pip install -e '.[video]'`."
            )
    if video is not None:
        animation.video_size(pathlib.Path(video))


def render(
    people: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
    path: pathlib.Path,
    *,
    skeleton: skeletons.Skeleton,
    fps: float,
    image_size: tuple[float, float] | None = None,
    video: str | None = None,
    seconds: float = 0.0,
) -> int:
    """Writes a file, and its folder; returns the number of frames in it.

    A .png shows some poses, evenly spread over all people and frames.

    Args:
      people: as in `scene.make`.
      path: an .mp4, .gif, .html or .png file.
      skeleton: J joints.
      fps: frames per second.
      image_size: (width, height) in pixels, if known.
      video: behind the 2D skeleton of an .mp4 or .gif.
      seconds: shown from the first frame on; 0: all.

    Raises:
      ValueError: nobody was lifted, or a video of something else.
      OSError: the file cannot be written; the error has its name.
    """
    with _naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".png":
            return _write_poses(path, people, skeleton)
        is_page = path.suffix == ".html"
        scene = scene_lib.make(
            people,
            skeleton=skeleton,
            fps=fps,
            image_size=image_size,
            seconds=seconds,
            most_frames=viewer.MOST_FRAMES if is_page else None,
        )
        if is_page:
            return viewer.write(path, scene)
        return animation.write(path, scene, video=video and pathlib.Path(video))


@contextlib.contextmanager
def _naming(path: pathlib.Path) -> Iterator[None]:
    """Gives errors of writing the name of the file that is asked for."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write_poses(path: pathlib.Path, people, skeleton) -> int:
    _, points, joints_3d = (
        np.concatenate(a) for a in zip(*people, strict=True)
    )
    lifted = np.flatnonzero(np.isfinite(joints_3d).any(axis=(1, 2)))
    if not len(lifted):
        raise ValueError("`render` must have a pose that was lifted.")
    at = np.linspace(0, len(lifted) - 1, min(_POSES, len(lifted)))
    chosen = lifted[at.round().astype(int)]
    picture = gallery.figure(
        skeleton,
        keypoints_2d=points[chosen],
        scores=np.isfinite(points[chosen]).all(axis=-1),
        joints_3d=joints_3d[chosen],
    )
    skeleton_plots.save(picture, path)
    return len(chosen)
