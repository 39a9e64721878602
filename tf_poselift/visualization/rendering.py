"""A lifted video as something to look at: by the ending of the file's name."""

import importlib.util
import pathlib
from collections.abc import Sequence

import numpy as np

from tf_poselift import skeletons
from tf_poselift.visualization import animation
from tf_poselift.visualization import scene as scene_lib
from tf_poselift.visualization import viewer

_NEEDS = {".mp4": "imageio_ffmpeg", ".gif": "PIL", ".html": "plotly"}


def check(path: str, video: str | None) -> None:
    """Checks that a file can be rendered, before anything is computed.

    Args:
      path: of the .mp4, .gif or .html file.
      video: behind an .mp4 or .gif, or None.

    Raises:
      ValueError: another ending, or no folder for the file, or a video behind
        a page.
      FileNotFoundError: no such video.
      ImportError: the extra `video` is not installed.
    """
    ending = pathlib.Path(path).suffix
    if ending not in _NEEDS or not pathlib.Path(path).parent.is_dir():
        raise ValueError(
            f"`render` must be a file that ends in {', '.join(_NEEDS)}, in a "
            f"folder that is there. Received: {path}."
        )
    needed = [_NEEDS[ending]]
    if video is not None:
        if ending == ".html":
            raise ValueError(
                "`video` can stand behind an .mp4 or .gif. Received: .html."
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
    """Writes a file; returns the number of frames in it.

    Args:
      people: as in `scene.make`.
      path: an .mp4, .gif or .html file.
      skeleton: J joints.
      fps: frames per second.
      image_size: (width, height) in pixels, if known.
      video: behind the 2D skeleton of an .mp4 or .gif.
      seconds: shown from the first frame on; 0: all.
    """
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
