"""Lifts your own keypoints and writes them for other programs.

    python serving/predict.py --model=runs/models/mine --keypoints=DIR \
        --skeleton=body_25b --out=runs/lifted --formats=npz,csv,bvh

`--keypoints` is what the data set `keypoints` is built of (docs/own_data.md):
a file, a folder of OpenPose, or a folder of these. `--model` is an exported
model, or a server: http://HOST:PORT/v1/models/NAME, grpc://HOST:PORT/NAME.
"""

import dataclasses
import errno
import pathlib
import signal
import sys
from collections.abc import Sequence

import client
import lifters
import numpy as np
import tqdm
from absl import app
from absl import flags
from absl import logging

from tf_poselift import skeletons
from tf_poselift.keypoint_files import lifted
from tf_poselift.keypoint_files import lifting
from tf_poselift.keypoint_files import reading
from tf_poselift.keypoint_files import smoothing
from tf_poselift.keypoint_files import tracks
from tf_poselift.keypoint_files import videos
from tf_poselift.keypoint_files import writing
from tf_poselift.visualization import rendering

_MODEL = flags.DEFINE_string(
    "model", None, "Folder of an exported model, or its URL.", required=True
)
_KEYPOINTS = flags.DEFINE_string(
    "keypoints", None, "File or folder of 2D keypoints.", required=True
)
_OUT = flags.DEFINE_string(
    "out", None, "Folder for the files that are written.", required=True
)
_FORMAT = flags.DEFINE_enum(
    "format",
    None,
    reading.FORMATS,
    "Of the keypoints, where the form of the files does not tell.",
)
_FORMATS = flags.DEFINE_list(
    "formats", "npz,csv", f"What is written: {', '.join(writing.FORMATS)}."
)
_SKELETON = flags.DEFINE_string(
    "skeleton",
    None,
    "The detector's, by name or YAML file; default: the model's.",
)
_MODEL_SKELETON = flags.DEFINE_string(
    "model_skeleton",
    None,
    "Of a model on a server; default: the detector's. A folder's card tells.",
)
_FPS = flags.DEFINE_float("fps", 30.0, "Frames per second.")
_IMAGE_SIZE = flags.DEFINE_list(
    "image_size", None, "WIDTH,HEIGHT in pixels, where the files do not tell."
)
_MIN_SCORE = flags.DEFINE_float(
    "min_score", 0.3, "Joints of a lower score are missing; as in training."
)
_STILLS = flags.DEFINE_bool(
    "stills", False, "Unrelated images: every detection is somebody else."
)
_HEIGHT = flags.DEFINE_float(
    "height_m", None, "How tall everybody is; the output is in metres."
)
_BONE = flags.DEFINE_string(
    "bone",
    None,
    "JOINT:JOINT=METRES, a length that is known; the output is in metres.",
)
_LEVEL = flags.DEFINE_bool(
    "level", False, "Turn the axes upright: by --camera_pitch, else by people."
)
_PITCH = flags.DEFINE_float(
    "camera_pitch", None, "Degrees by which the camera looks down."
)
_SMOOTH = flags.DEFINE_enum(
    "smooth", None, smoothing.METHODS, "Smooth 2D and 3D over time."
)
_RENDER = flags.DEFINE_string(
    "render", None, "FILE.mp4, .gif, .html or .png that shows it."
)
_VIDEO = flags.DEFINE_string(
    "video", None, "Video behind the 2D skeleton of an .mp4 or .gif."
)
_SECONDS = flags.DEFINE_float(
    "render_seconds", 20.0, "Length of what is shown, from the first frame.", 0
)

# EIO is ffmpeg's, which does not tell.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def predict() -> None:
    writing.check_formats(_FORMATS.value)
    writing.check_folder("out", pathlib.Path(_OUT.value))
    options = _options()
    _check_render()
    sources = videos.sources(pathlib.Path(_KEYPOINTS.value))
    source, target, lift = _open()
    if not lifters.is_url(_MODEL.value):
        known = lifters.lifts_missing(lifters.version_dir(_MODEL.value))
        options = dataclasses.replace(options, lifts_missing=known)
    print(
        f"Lifts `{source.name}` of {_KEYPOINTS.value} ({_count(len(sources))}) "
        f"with {_MODEL.value} (`{target.name}`); writes "
        f"{', '.join(_FORMATS.value)} to {_OUT.value}",
        flush=True,
    )
    written, left_out = 0, {}
    for name, found in videos.read(
        sources,
        source,
        format=_FORMAT.value,
        image_size=videos.parse_size(_IMAGE_SIZE.value),
        stills=_STILLS.value,
    ):
        try:
            video = _lift(name, found, lift, source, target, options)
        except lifted.Nobody as error:
            left_out[name] = str(error)
            print(f"{name}: left out. {error}", flush=True)
            continue
        written += 1
        if _RENDER.value:
            alone = len(sources) == 1 and name == videos.name_of(sources[0])
            _render(video, None if alone else name)
    _tell_end(written, left_out)


def _check_render() -> None:
    if _RENDER.value:
        folder = pathlib.Path(_RENDER.value).parent
        writing.check_folder("render's folder", folder)
        rendering.check(_RENDER.value, _VIDEO.value)
    elif _VIDEO.value:
        raise ValueError(
            f"`video` must come with `render`. Received: {_VIDEO.value} alone. "
            "Give `--render=FILE.mp4` or .gif, behind which it is shown."
        )


def _options() -> lifting.Options:
    return lifting.Options(
        fps=_FPS.value,
        min_score=_MIN_SCORE.value,
        height=_HEIGHT.value,
        bone=lifting.parse_bone(_BONE.value),
        level=_LEVEL.value,
        camera_pitch=_PITCH.value,
        smooth=_SMOOTH.value,
        stills=_STILLS.value,
    )


def _lift(
    name: str, found: Sequence[tracks.Track], lift, source, target, options
) -> lifted.Video:
    """Lifts a video, writes its files and says what is to be known.

    Raises:
      lifted.Nobody: nobody in it can be lifted; nothing is written.
    """
    if not found:
        raise lifted.Nobody("Nobody was seen.")
    count = sum(len(track.frame_index) for track in found)
    # One person in one frame is a pose.
    with tqdm.tqdm(total=count, desc=name, unit=" poses") as bar:
        video, notes = lifting.lift_video(
            name,
            found,
            lift,
            source=source,
            target=target,
            options=options,
            progress=bar.update,
        )
    paths, more = writing.write(video, pathlib.Path(_OUT.value), _FORMATS.value)
    for line in [*notes, *more, *map(str, paths)]:
        print(f"{name}: {line}", flush=True)
    return video


def _tell_end(written: int, left_out: dict[str, str]) -> None:
    """Sums up; ValueError if nothing at all could be lifted."""
    if not written:
        name, reason = next(iter(left_out.items()))
        raise ValueError(
            f"{_KEYPOINTS.value} must show somebody who can be lifted. "
            f"Received: {_count(len(left_out))}. {name}: {reason}"
        )
    if left_out:
        print(
            f"{written} of {_count(written + len(left_out))} lifted; left out: "
            f"{', '.join(left_out)}"
        )


def _count(videos_in_all: int) -> str:
    return f"{videos_in_all} video{'s' * (videos_in_all != 1)}"


def _open() -> tuple[skeletons.Skeleton, skeletons.Skeleton, lifting.Lift]:
    """Returns the skeleton of the keypoints and of the model, and the model."""
    named = _SKELETON.value and skeletons.load(_SKELETON.value)
    if lifters.is_url(_MODEL.value):
        if named is None:
            raise ValueError(
                "`skeleton` must be given for a model on a server, which does "
                "not tell its own. Received: none."
            )
        own = _MODEL_SKELETON.value or _SKELETON.value
        return named, skeletons.load(own), lifters.on_server(_MODEL.value)
    folder = lifters.version_dir(_MODEL.value)
    target = lifters.skeleton_of(folder)
    # Told apart before TensorFlow takes seconds to start.
    lifting.mapping(named or target, target)
    return named or target, target, lifters.saved_model(folder)


def _render(video, name: str | None) -> None:
    path = pathlib.Path(_RENDER.value)
    if name is not None:
        path = path.with_name(f"{path.stem}_{name.replace('/', '_')}")
        path = path.with_suffix(pathlib.Path(_RENDER.value).suffix)
    first = min(int(person.frame_index[0]) for person in video.people)
    end = first + max(1, round(_SECONDS.value * video.fps))
    shown = []
    for person in video.people:
        count = int(np.searchsorted(person.frame_index, end))
        if count or not _SECONDS.value:
            part = person.part(slice(count) if _SECONDS.value else slice(None))
            seen = part.scores[..., np.newaxis] > 0
            points = np.where(seen, part.keypoints_2d, np.nan)
            shown.append((part.frame_index, points, part.joints_3d))
    count = rendering.render(
        shown,
        path,
        skeleton=video.skeleton,
        fps=video.fps,
        image_size=video.image_size,
        video=_VIDEO.value,
        seconds=_SECONDS.value,
    )
    what = "poses" if path.suffix == ".png" else "frames"
    print(f"{count} {what} shown in {path}", flush=True)


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {' '.join(argv[1:])}.")
    logging.set_verbosity(logging.WARNING)
    # So that what is half written is cleared away; 128 + 15, as a shell says.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        predict()
    except (ValueError, OSError, ImportError, client.ServerError) as error:
        sys.exit(f"error: {_in_words(error)}")


def _in_words(error: Exception) -> str:
    """Returns the message; of a file that cannot be written its name first."""
    if not isinstance(error, OSError) or error.filename is None:
        return str(error)
    text = f"{error.filename}: {error.strerror}."
    if error.errno in _FULL:
        text += " Free some space there, or write to another disk."
    return text


if __name__ == "__main__":
    app.run(main)
