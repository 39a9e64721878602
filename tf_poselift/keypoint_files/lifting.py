"""From the tracks of a video to people in 3D: lifting, size, upright axes.

A long video is in memory a chunk of frames at a time; its arrays lie in a
temporary file.
"""

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence

import numpy as np

from tf_poselift import checks
from tf_poselift import skeletons
from tf_poselift.keypoint_files import layouts
from tf_poselift.keypoint_files import lifted
from tf_poselift.keypoint_files import measuring
from tf_poselift.keypoint_files import on_disk
from tf_poselift.keypoint_files import smoothing
from tf_poselift.keypoint_files import steadying
from tf_poselift.keypoint_files import tracks as tracks_lib
from tf_poselift.keypoint_files import unseen

# keypoints_2d [N, J, 2], scores [N, J] -> joints_3d [N, J, 3], scale [N] (mm
# per unit; 0: unknown) and valid [N], of some models uncertainty [N, J] (in
# the unit of joints_3d): the signature of a served model.
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
      lifts_missing: the model has learned to lift joints that were not seen;
        else they stay missing. Their scores stay 0, and so do the joints that
        it has no place for: they lie on the root.
    """

    fps: float = 30.0
    min_score: float = 0.3
    height: float | None = None
    bone: tuple[str, str, float] | None = None
    level: bool = False
    camera_pitch: float | None = None
    smooth: str | None = None
    stills: bool = False
    lifts_missing: bool = False

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
      progress: called with the number of poses just lifted.

    Returns:
      the video, and what the user should know.

    Raises:
      lifted.Nobody: nobody is there, or nothing tells anybody's size.
      ValueError: no map between the skeletons; nothing tells what is up.
    """
    matrix = mapping(source, target)
    for joint in options.bone[:2] if options.bone else ():
        checks.check_member("joint of `bone`:", joint, target.joints)
    notes: list[str] = []
    store = on_disk.Store()
    trusted = [_trusted(track, options.min_score, store) for track in found]
    trusted = [track for track in trusted if len(track.frame_index)]
    if not trusted:
        highest = max((track.highest_score() for track in found), default=0.0)
        raise lifted.Nobody(
            "Somebody must have scores of at least `min_score` "
            f"{options.min_score:g}. Received: {len(found)} people, with "
            f"scores of at most {highest:.2g}."
        )
    doubt = layouts.doubt(
        [(track.keypoints_2d, track.scores) for track in trusted], source
    )
    notes += [doubt] if doubt else []
    if options.smooth:
        trusted = steadying.tracks(
            trusted, options.smooth, options.fps, notes, store
        )
    lifted_tracks = [
        _lift(track, lift, matrix, target, options, progress, store)
        for track in trusted
    ]
    notes += unseen.lost([valid for _, _, valid in lifted_tracks], target)
    if options.lifts_missing:
        notes += unseen.estimated([person for person, _, _ in lifted_tracks])
    people, unit = _sized(lifted_tracks, target, options, notes)
    if options.smooth:
        people = steadying.people(
            people, options.smooth, options.fps, unit, notes, store
        )
    if options.level:
        people = measuring.leveled(people, target, options.camera_pitch, notes)
    sizes = {track.image_size for track in trusted}
    return lifted.Video(
        name=name,
        skeleton=target,
        people=people,
        fps=options.fps,
        unit=unit,
        level=options.level,
        # Stills may be of any size.
        image_size=sizes.pop() if len(sizes) == 1 else None,
    ), notes


def _sized(
    lifted_tracks, target: skeletons.Skeleton, options: Options, notes
) -> tuple[list[lifted.Person], str]:
    """Returns everybody in one size, and its unit."""
    people = [person for person, _, _ in lifted_tracks]
    if options.height is not None or options.bone is not None:
        measured = measuring.in_metres(
            people,
            target,
            height=options.height,
            bone=options.bone,
            notes=notes,
        )
        return measured, "m"
    if all((scale[valid] > 0.0).all() for _, scale, valid in lifted_tracks):
        return [
            measuring.scaled(person, scale)
            for person, scale, _ in lifted_tracks
        ], "mm"
    return [measuring.one_size(person, target) for person in people], "model"


def _trusted(
    track: tracks_lib.Track, min_score: float, store: on_disk.Store
) -> tracks_lib.Track:
    """Returns the track without what scores less, and without empty frames."""
    slices = on_disk.slices(len(track.frame_index))
    kept = [(track.scores[s] >= min_score).any(axis=-1) for s in slices]
    kept = np.flatnonzero(np.concatenate(kept) if kept else [])
    joints = track.scores.shape[1]
    keypoints_2d = store.empty(len(kept), joints, 2)
    scores = store.empty(len(kept), joints)
    for rows in on_disk.slices(len(kept)):
        own = track.scores[kept[rows]]
        own = np.where(own >= min_score, own, np.float32(0.0))
        scores[rows] = own
        keypoints_2d[rows] = np.where(
            (own > 0.0)[..., np.newaxis],
            track.keypoints_2d[kept[rows]],
            np.float32(0.0),
        )
    return dataclasses.replace(
        track,
        frame_index=track.frame_index[kept],
        keypoints_2d=keypoints_2d,
        scores=scores,
    )


def _lift(
    track: tracks_lib.Track,
    lift: Lift,
    matrix: np.ndarray | None,
    target: skeletons.Skeleton,
    options: Options,
    progress: Callable[[int], None],
    store: on_disk.Store,
) -> tuple[lifted.Person, np.ndarray, np.ndarray]:
    """Returns a person, the model's scale [T] (mm per unit), what is lifted.

    The latter is [T] bool.
    """
    count, joints = len(track.frame_index), target.num_joints
    keypoints_2d = store.empty(count, joints, 2)
    scores = store.empty(count, joints)
    joints_3d = store.empty(count, joints, 3)
    uncertainty = store.empty(count, joints)
    scale, valid = np.empty(count, np.float32), np.empty(count, bool)
    for rows in on_disk.slices(count):
        points, seen = track.keypoints_2d[rows], track.scores[rows]
        if matrix is not None:
            points, seen = skeletons.map_points(points, seen, matrix)
        points, seen = points.astype(np.float32), seen.astype(np.float32)
        answers = lift(points, seen)
        known = seen > 0.0
        if options.lifts_missing:
            known |= unseen.placed(answers["joints_3d"], target)
        known &= answers["valid"][:, np.newaxis]
        keypoints_2d[rows], scores[rows] = points, seen
        joints_3d[rows] = np.where(
            known[..., np.newaxis], answers["joints_3d"], np.nan
        )
        # A server may go to a version without it on the way.
        if "uncertainty" not in answers:
            uncertainty = None
        if uncertainty is not None:
            uncertainty[rows] = np.where(known, answers["uncertainty"], np.nan)
        scale[rows], valid[rows] = answers["scale"], known.any(axis=-1)
        progress(len(seen))
    return (
        lifted.Person(
            number=track.person,
            frame_index=track.frame_index,
            keypoints_2d=keypoints_2d,
            scores=scores,
            joints_3d=joints_3d,
            size=np.ones(count, np.float32),
            uncertainty=uncertainty,
        ),
        scale,
        valid,
    )
