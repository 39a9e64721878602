"""From the tracks of a video to people in 3D: lifting, size, upright axes.

The keypoints of a video stay in memory as arrays; everything that is made on
the way is made in chunks of frames.
"""

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence

import numpy as np

from tf_poselift import checks
from tf_poselift import skeletons
from tf_poselift.keypoint_files import lifted
from tf_poselift.keypoint_files import measuring
from tf_poselift.keypoint_files import smoothing
from tf_poselift.keypoint_files import tracks as tracks_lib

CHUNK = 4096  # frames
# keypoints_2d [N, J, 2], scores [N, J] -> joints_3d [N, J, 3], scale [N] (mm
# per unit; 0: unknown) and valid [N]: the signature of a served model.
Lift = Callable[[np.ndarray, np.ndarray], dict[str, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Options:
    """How to lift.

    Attributes:
      fps: frames per second.
      min_score: joints of a lower score are missing.
      height: of every person, metres, or None.
      bone: (joint, joint, metres) of every person, or None.
      level: turn the axes upright.
      camera_pitch: degrees by which the camera looks down; None: what lies
        between the hips and the shoulders is upright in the median.
      smooth: one of `smoothing.METHODS`, or None.
      stills: the frames are unrelated.
    """

    fps: float = 30.0
    min_score: float = 0.3
    height: float | None = None
    bone: tuple[str, str, float] | None = None
    level: bool = False
    camera_pitch: float | None = None
    smooth: str | None = None
    stills: bool = False

    def __post_init__(self):
        self._check_positive("fps", self.fps)
        self._check_positive("height_m", self.height)
        self._check_positive("bone", self.bone and self.bone[2])
        if not 0.0 <= self.min_score <= 1.0:
            raise ValueError(
                f"`min_score` must be from 0 to 1. Received: {self.min_score}."
            )
        if self.height is not None and self.bone is not None:
            raise ValueError("Only one of `height_m` and `bone` can be given.")
        if self.camera_pitch is not None and not self.level:
            raise ValueError("`camera_pitch` needs `level`.")
        if self.smooth is not None:
            checks.check_member("smooth", self.smooth, smoothing.METHODS)
            if self.stills:
                raise ValueError("`stills` cannot be smoothed over time.")

    @staticmethod
    def _check_positive(name: str, value: float | None) -> None:
        if value is not None and not 0.0 < value < np.inf:
            raise ValueError(f"`{name}` must be above 0. Received: {value}.")


def parse_bone(text: str | None) -> tuple[str, str, float] | None:
    """Returns the names and the metres of "JOINT:JOINT=METRES"; None for None.

    Raises:
      ValueError: another form.
    """
    if text is None:
        return None
    names, _, length = text.partition("=")
    one, _, other = names.partition(":")
    try:
        if one and other and one != other:
            return one, other, float(length)
    except ValueError:
        pass  # the message below says it better
    raise ValueError(
        "`bone` must be JOINT:JOINT=METRES, as right_knee:right_ankle=0.42. "
        f"Received: {text}."
    )


def mapping(
    source: skeletons.Skeleton, target: skeletons.Skeleton
) -> np.ndarray | None:
    """Returns [J, S] from a detector's joints to a model's; None: the same.

    Raises:
      ValueError: there is no map.
    """
    if source.joints == target.joints:
        return None
    return skeletons.mapping(source, target)


def lift_video(
    name: str,
    found: Sequence[tracks_lib.Track],
    lift: Lift,
    *,
    source: skeletons.Skeleton,
    target: skeletons.Skeleton,
    options: Options,
    progress: Callable[[int], None] = lambda frames: None,
) -> tuple[lifted.Video, list[str]]:
    """Lifts everybody in a video.

    Args:
      name: of the video.
      found: tracks of the detector's joints.
      lift: the model.
      source: skeleton of the tracks.
      target: skeleton of the model.
      options: how.
      progress: called with the number of frames just lifted.

    Returns:
      the video, and what the user should know.

    Raises:
      ValueError: nobody is there; no map between the skeletons; nothing tells
        the size or what is up.
    """
    matrix = mapping(source, target)
    for joint in options.bone[:2] if options.bone else ():
        checks.check_member("joint of `bone`:", joint, target.joints)
    notes: list[str] = []
    trusted = [_trusted(track, options.min_score) for track in found]
    trusted = [track for track in trusted if len(track.frame_index)]
    if not trusted:
        raise ValueError(
            f"{name}: must show somebody. Received: {len(found)} people with "
            f"scores of at least `min_score` {options.min_score:g}."
        )
    if options.smooth:
        trusted = _smooth_2d(trusted, options, notes)
    sizes = {track.image_size for track in trusted}
    people, metric = [], True
    for track in trusted:
        person, scale = _lift(track, lift, matrix, target, progress)
        metric &= bool((scale[person.valid.any(axis=-1)] > 0.0).all())
        people.append((person, scale))
    lost = sum(int((~p.valid.any(axis=-1)).sum()) for p, _ in people)
    if lost:
        notes.append(f"{lost} frames could not be lifted; they are missing")
    if options.height is not None or options.bone is not None:
        unit = "m"
        sized = measuring.in_metres(
            [person for person, _ in people],
            target,
            height=options.height,
            bone=options.bone,
            notes=notes,
        )
    elif metric:
        unit = "mm"
        sized = [measuring.scaled(p, scale) for p, scale in people]
    else:
        unit = "model"
        sized = [measuring.one_size(p, target) for p, _ in people]
    if options.smooth:
        sized = _smooth_3d(sized, options, unit, notes)
    if options.level:
        sized = measuring.leveled(sized, target, options.camera_pitch, notes)
    return lifted.Video(
        name=name,
        skeleton=target,
        people=sized,
        fps=options.fps,
        unit=unit,
        level=options.level,
        # Stills may be of any size.
        image_size=sizes.pop() if len(sizes) == 1 else None,
    ), notes


def _trusted(track: tracks_lib.Track, min_score: float) -> tracks_lib.Track:
    """Returns the track without what scores less, and without empty frames."""
    scores = np.where(track.scores >= min_score, track.scores, 0.0)
    rows = np.flatnonzero(scores.any(axis=-1))
    seen = (scores[rows] > 0.0)[..., np.newaxis]
    return dataclasses.replace(
        track,
        frame_index=track.frame_index[rows],
        keypoints_2d=np.where(seen, track.keypoints_2d[rows], np.float32(0.0)),
        scores=scores[rows],
    )


def _smooth_2d(found, options: Options, notes: list[str]):
    before, after, smoothed = [], [], []
    for track in found:
        seen = (track.scores > 0.0)[..., np.newaxis]
        points = np.where(seen, track.keypoints_2d, np.float32(np.nan))
        result = smoothing.smooth(
            options.smooth, points, track.frame_index, options.fps
        )
        before.append(smoothing.acceleration(points, track.frame_index))
        after.append(smoothing.acceleration(result, track.frame_index))
        smoothed.append(
            dataclasses.replace(track, keypoints_2d=np.nan_to_num(result))
        )
    notes.append(_smoothed("2D", before, after, "pixels"))
    return smoothed


def _smooth_3d(people, options: Options, unit: str, notes: list[str]):
    before, after, smoothed = [], [], []
    for person in people:
        joints = smoothing.smooth(
            options.smooth, person.joints_3d, person.frame_index, options.fps
        )
        before.append(
            smoothing.acceleration(person.joints_3d, person.frame_index)
        )
        after.append(smoothing.acceleration(joints, person.frame_index))
        smoothed.append(dataclasses.replace(person, joints_3d=joints))
    name = "model units" if unit == "model" else unit
    notes.append(_smoothed("3D", before, after, name))
    return smoothed


def _smoothed(what: str, before, after, unit: str) -> str:
    """Says how much smoother it became, over the people who moved."""
    means = [
        np.mean([v for v in values if np.isfinite(v)] or [np.nan])
        for values in (before, after)
    ]
    return (
        f"mean acceleration {what}: {means[0]:.4g} {unit} per frame^2, "
        f"smoothed {means[1]:.4g}"
    )


def _lift(
    track: tracks_lib.Track,
    lift: Lift,
    matrix: np.ndarray | None,
    target: skeletons.Skeleton,
    progress: Callable[[int], None],
) -> tuple[lifted.Person, np.ndarray]:
    """Returns a person and the model's scale [T], mm per unit."""
    count, joints = len(track.frame_index), target.num_joints
    keypoints_2d = np.empty((count, joints, 2), np.float32)
    scores = np.empty((count, joints), np.float32)
    joints_3d = np.empty((count, joints, 3), np.float32)
    scale = np.empty(count, np.float32)
    for start in range(0, count, CHUNK):
        rows = slice(start, start + CHUNK)
        points, seen = track.keypoints_2d[rows], track.scores[rows]
        if matrix is not None:
            points, seen = skeletons.map_points(points, seen, matrix)
        keypoints_2d[rows], scores[rows] = points, seen
        answers = lift(keypoints_2d[rows], scores[rows])
        known = (seen > 0.0) & answers["valid"][:, np.newaxis]
        joints_3d[rows] = np.where(
            known[..., np.newaxis], answers["joints_3d"], np.nan
        )
        scale[rows] = answers["scale"]
        progress(len(seen))
    return lifted.Person(
        number=track.person,
        frame_index=track.frame_index,
        keypoints_2d=keypoints_2d,
        scores=scores,
        joints_3d=joints_3d,
        size=np.ones(count, np.float32),
    ), scale
