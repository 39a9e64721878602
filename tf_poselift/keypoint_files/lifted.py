"""What a video's keypoints were lifted to; what every writer takes."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tf_poselift import skeletons

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


@dataclasses.dataclass(frozen=True, eq=False)
class Person:
    """One person in one video; frames without the person are not there.

    Attributes:
      number: of the person within the video.
      frame_index: [T] int64, increasing.
      keypoints_2d: [T, J, 2] float32 pixels, what was lifted.
      scores: [T, J] float32; 0 = missing.
      joints_3d: [T, J, 3] float32 root-relative; NaN: not seen, or the model
        could not lift the frame.
      size: [T] float32; the model's own answer is `size * joints_3d` before
        the axes were levelled, joints smoothed or units changed.
    """

    number: int
    frame_index: np.ndarray
    keypoints_2d: np.ndarray
    scores: np.ndarray
    joints_3d: np.ndarray
    size: np.ndarray

    @property
    def valid(self) -> np.ndarray:
        """Which joints [T, J] were seen and lifted."""
        return np.isfinite(self.joints_3d).all(axis=-1)


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


def on_every_frame(person: Person) -> tuple[np.ndarray, np.ndarray]:
    """Fills the gaps of a person: missing joints and missing frames.

    Linear in time; before the first and after the last sight of a joint it
    stays where it was seen.

    Returns:
      frames [N] from the first to the last, and joints_3d [N, J, 3]; a joint
      that was never seen is NaN in all frames.

    Raises:
      ValueError: nearly all frames would be made up.
    """
    check_is_video(person)
    first, last = int(person.frame_index[0]), int(person.frame_index[-1])
    frames = np.arange(first, last + 1)
    shape = (len(frames), *person.joints_3d.shape[1:])
    filled = np.full(shape, np.nan, np.float32)
    valid = person.valid
    for joint in np.flatnonzero(valid.any(axis=0)):
        rows = valid[:, joint]
        known = person.frame_index[rows]
        for axis in range(3):
            filled[:, joint, axis] = np.interp(
                frames, known, person.joints_3d[rows, joint, axis]
            )
    return frames, filled


def check_is_video(person: Person) -> None:
    """Raises ValueError if nearly no frame from first to last is there."""
    first, last = int(person.frame_index[0]), int(person.frame_index[-1])
    if last - first >= 100 * len(person.frame_index) + 10_000:
        raise ValueError(
            f"Person {person.number} must be in a fair share of the frames "
            f"{first} to {last}. Received: {len(person.frame_index)} frames. "
            "Are these images of a data set? Say `stills`."
        )
