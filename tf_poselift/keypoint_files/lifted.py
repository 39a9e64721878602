"""What a video's keypoints were lifted to; what every writer takes."""

import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from tf_poselift import skeletons
from tf_poselift.keypoint_files import on_disk

# Meaning of `Video.unit`, for files and people.
UNITS = {
    "m": "metres",
    "mm": "millimetres",
    "model": (
        "model units: 1 is the mean distance of the seen joints from the root "
        "in the person's usual frame; how long that is, nobody knows"
    ),
}
CAMERA_AXES = "x right, y down, z forward (away from the camera)"
# What the files of animation and biomechanics want: x right, y up, z back.
TO_Y_UP = np.array([1.0, -1.0, -1.0], np.float32)
Y_UP_AXES = "x right, y up, z back (towards the camera)"


class Nobody(ValueError):
    """Nobody in a video can be lifted, or be given a size."""


@dataclasses.dataclass(frozen=True, eq=False)
class Person:
    """One person in one video; frames without the person are not there.

    The arrays of joints may be `on_disk.Array`s: read them in slices, or take
    `parts`.

    Attributes:
      number: of the person within the video.
      frame_index: [T] int64, increasing.
      keypoints_2d: [T, J, 2] float32 pixels, what was lifted.
      scores: [T, J] float32; 0 = missing.
      joints_3d: [T, J, 3] float32 root-relative; NaN: not seen, or the model
        could not lift the frame.
      size: [T] float32; the model's own answer is `size * joints_3d` before
        the axes were levelled, joints smoothed or units changed.
      uncertainty: [T, J] float32, the model's, in the unit of the joints and
        NaN where they are; None: it does not tell.
    """

    number: int
    frame_index: np.ndarray
    keypoints_2d: on_disk.Rows
    scores: on_disk.Rows
    joints_3d: on_disk.Rows
    size: np.ndarray
    uncertainty: on_disk.Rows | None = None

    @property
    def valid(self) -> np.ndarray:
        """Which joints [T, J] were seen and lifted."""
        return np.isfinite(self.joints_3d[:]).all(axis=-1)

    def part(self, rows: slice) -> "Person":
        """Returns some of the frames, in memory."""
        arrays = {
            name: array[rows]
            for name, array in vars(self).items()
            if name != "number" and array is not None
        }
        return dataclasses.replace(self, **arrays)

    def parts(self) -> Iterator["Person"]:
        """Yields all frames in their order, a chunk in memory at a time."""
        for rows in on_disk.slices(len(self.frame_index)):
            yield self.part(rows)


@dataclasses.dataclass(frozen=True, eq=False)
class Video:
    """Everybody in one video.

    Attributes:
      name: the file's or folder's, without its ending.
      skeleton: J joints.
      people: who was seen.
      fps: frames per second.
      unit: a key of `UNITS`.
      level: the axes are those of the camera turned upright.
      image_size: (width, height) in pixels, if known.
    """

    name: str
    skeleton: skeletons.Skeleton
    people: Sequence[Person]
    fps: float
    unit: str
    level: bool = False
    image_size: tuple[float, float] | None = None

    @property
    def axes(self) -> str:
        """The axes in words."""
        return CAMERA_AXES + (", turned upright" if self.level else "")

    @property
    def tells_uncertainty(self) -> bool:
        """Whether everybody's is known; files hold it for all or nobody."""
        return all(person.uncertainty is not None for person in self.people)


def on_every_frame(
    person: Person,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields every frame from the first to the last, chunk by chunk, no gaps.

    Missing joints and missing frames are filled linearly in time; before the
    first and after the last sight of a joint it stays where it was seen.

    Yields:
      joints_3d [N, J, 3], in which a joint that was never seen is NaN in all
      frames, and seen [N, J], which are not filled.

    Raises:
      ValueError: nearly all frames would be made up.
    """
    check_is_video(person)
    slices = on_disk.slices(len(person.frame_index))
    later = _first_sights(person, slices)
    before = np.full((person.joints_3d.shape[1], 4), np.nan)
    last = int(person.frame_index[-1])
    for rows, after in zip(slices, later, strict=True):
        part = person.part(rows)
        start = int(part.frame_index[0])
        stop = (
            int(person.frame_index[rows.stop])
            if after is not None
            else last + 1
        )
        if after is None:
            after = np.full_like(before, np.nan)
        for first in range(start, stop, on_disk.CHUNK):
            frames = np.arange(first, min(first + on_disk.CHUNK, stop))
            yield _filled(part, frames, before, after)
        before = _sights(part, before, -1)


def _first_sights(person: Person, slices) -> list[np.ndarray | None]:
    """Returns where every joint is seen next after each slice; None: the end.

    [J, 4]: the number of the frame and the place; NaN: never again.
    """
    later, after = [], None
    for rows in reversed(slices):
        later.append(after)
        nothing = np.full((person.joints_3d.shape[1], 4), np.nan)
        after = _sights(
            person.part(rows), nothing if after is None else after, 0
        )
    return later[::-1]


def _sights(part: Person, otherwise: np.ndarray, which: int) -> np.ndarray:
    """Returns the first (0) or last (-1) sight [J, 4] of every joint."""
    result, valid = otherwise.copy(), part.valid
    for joint in np.flatnonzero(valid.any(axis=0)):
        row = np.flatnonzero(valid[:, joint])[which]
        result[joint] = part.frame_index[row], *part.joints_3d[row, joint]
    return result


def _filled(part: Person, frames: np.ndarray, before, after):
    """Returns joints_3d [N, J, 3] and seen [N, J] on the given frames."""
    filled = np.full((len(frames), len(before), 3), np.nan, np.float32)
    seen = np.zeros((len(frames), len(before)), bool)
    valid = part.valid
    for joint, (early, late) in enumerate(zip(before, after, strict=True)):
        rows = valid[:, joint]
        own = part.joints_3d[rows, joint].astype(np.float64)
        sights = np.concatenate(
            [
                early[np.newaxis],
                np.column_stack([part.frame_index[rows], own]),
                late[np.newaxis],
            ]
        )
        sights = sights[np.isfinite(sights[:, 0])]
        if not len(sights):
            continue
        for axis in range(3):
            filled[:, joint, axis] = np.interp(
                frames, sights[:, 0], sights[:, 1 + axis]
            )
        seen[:, joint] = np.isin(frames, part.frame_index[rows])
    return filled, seen


def check_is_video(person: Person) -> None:
    """Raises ValueError if nearly no frame from first to last is there."""
    first, last = int(person.frame_index[0]), int(person.frame_index[-1])
    if last - first >= 100 * len(person.frame_index) + 10_000:
        raise ValueError(
            f"Person {person.number} must be in a fair share of the frames "
            f"{first} to {last}. Received: {len(person.frame_index)} frames. "
            "Are these images of a data set? Say `stills`."
        )
