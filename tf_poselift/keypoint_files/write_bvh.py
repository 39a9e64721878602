"""A lifted person as a BVH motion file: one skeleton, joint angles.

The hierarchy is the skeleton's tree; every bone has one length, the median over
the file, and the rest pose is the mean pose. y is up, x right, z towards the
camera; metres, where the size is known. Every frame from the first to the last
is there: gaps are filled linearly, as a BVH file has no number of the frame and
no missing joint. A joint without children ends in a short End Site.
"""

import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.spatial import transform

from tf_poselift.geometry import body
from tf_poselift.geometry import joint_rotations
from tf_poselift.keypoint_files import lifted
from tf_poselift.keypoint_files import on_disk

_SAMPLE = 4096  # frames that the rest pose is made from
_END = 0.3  # length of an End Site, of the bone before it
_SMALLEST_END = 0.02


class Fit(NamedTuple):
    """How well a body with rigid bones fits the joints that were seen.

    Attributes:
      distance: mean distance between both, in the video's unit.
      share: the same, divided by the joints' mean distance from the root.
      sights: number of joints that were seen, over all frames.
    """

    distance: float
    share: float
    sights: int


def write(
    path: pathlib.Path, video: lifted.Video, person: lifted.Person
) -> Fit:
    """Writes one person of a video.

    Raises:
      ValueError: no joint was seen, or nearly all frames would be made up.
    """
    lifted.check_is_video(person)
    if not any(part.valid.any() for part in person.parts()):
        raise ValueError(
            f"Person {person.number} of {video.name} must have a joint that "
            "was lifted. Received: none."
        )
    axes = lifted.TO_Y_UP * np.float32(0.001 if video.unit == "mm" else 1.0)
    lengths = _median_lengths(person, video.skeleton) * axes[0]
    count = int(person.frame_index[-1] - person.frame_index[0]) + 1
    figure = joint_rotations.make_body(
        _sample(person, count) * axes, lengths, video.skeleton
    )
    total, extent, sights = 0.0, 0.0, 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("HIERARCHY\n" + "".join(_hierarchy(figure)))
        file.write(f"MOTION\nFrames: {count}\n")
        file.write(f"Frame Time: {1.0 / video.fps:.9f}\n")
        angles = None
        for filled, seen in lifted.on_every_frame(person):
            joints_3d = filled * axes
            rotations, placed = joint_rotations.fit(figure, joints_3d)
            angles = _angles(figure, rotations, angles)
            root = placed[:, figure.order[0]]
            values = np.concatenate(
                [root, angles.reshape(len(angles), -1)], axis=1
            )
            form = "%.6f " * 3 + "%.4f " * (values.shape[1] - 3)
            file.writelines(
                form.rstrip() % tuple(row) + "\n" for row in values.tolist()
            )
            error = np.linalg.norm(placed - joints_3d, axis=-1)
            total += float(error[seen].sum())
            extent += float(np.linalg.norm(joints_3d, axis=-1)[seen].sum())
            sights += int(seen.sum())
    return Fit(
        distance=total / (sights * float(axes[0])),
        share=total / max(extent, 1e-9),
        sights=sights,
    )


def _median_lengths(person: lifted.Person, skeleton) -> np.ndarray:
    """Returns the median length [B] of every bone, in the video's unit."""
    # Every n-th frame of a long file does as well.
    sample = on_disk.sample(person.joints_3d)
    return body.median(body.bone_lengths(sample, skeleton))


def _sample(person: lifted.Person, count: int) -> np.ndarray:
    """Returns joints_3d [N, J, 3] of frames spread over all `count`."""
    rows = np.linspace(0, count - 1, _SAMPLE).round().astype(int)
    rows, start, chosen = np.unique(rows), 0, []
    for joints_3d, _ in lifted.on_every_frame(person):
        stop = start + len(joints_3d)
        chosen.append(joints_3d[rows[(rows >= start) & (rows < stop)] - start])
        start = stop
    return np.concatenate(chosen)


def _angles(
    figure: joint_rotations.Body, rotations: np.ndarray, before
) -> np.ndarray:
    """Returns the angles [T, J, 3] about z, x, y in the order of the file.

    Args:
      figure: J joints.
      rotations: [T, J, 3, 3], joint to world.
      before: angles of the frames before, which these go on from without a
        jump of a full turn; None at the start.
    """
    local = joint_rotations.local_rotations(rotations, figure.skeleton.parents)[
        :, list(figure.order)
    ]
    turns = transform.Rotation.from_matrix(local.reshape(-1, 3, 3))
    # At x = 90 degrees z and y turn about one axis; any split of them will do.
    angles = turns.as_euler("ZXY", degrees=True, suppress_warnings=True)
    angles = angles.reshape(local.shape[:-1])
    if before is not None:
        angles = np.concatenate([before[-1:], angles])
    angles = np.unwrap(_nearest(angles), axis=0, period=360.0)
    return angles if before is None else angles[1:]


def _nearest(angles: np.ndarray) -> np.ndarray:
    """Returns the same rotations in angles near those of the frame before.

    (z, x, y) and (z + 180, 180 - x, y + 180) are one rotation. Steps within
    both are as long, and so are steps from one to the other: each frame is
    compared with the frame before as it stands, and the changes are counted.

    Args:
      angles: [T, J, 3] degrees; the first frame stays.
    """
    other = angles * (1.0, -1.0, 1.0) + 180.0

    def step(following: np.ndarray) -> np.ndarray:
        difference = (following[1:] - angles[:-1] + 180.0) % 360.0 - 180.0
        return np.abs(difference).sum(axis=-1)

    changed = np.zeros(angles.shape[:2], bool)
    changed[1:] = np.cumsum(step(other) < step(angles), axis=0) % 2 == 1
    return np.where(changed[..., np.newaxis], other, angles)


def _hierarchy(figure: joint_rotations.Body) -> Iterator[str]:
    """Yields the lines of the tree."""
    yield from _joint(figure, figure.order[0], "ROOT", "")


def _joint(figure, joint: int, kind: str, indent: str) -> Iterator[str]:
    skeleton, inner = figure.skeleton, indent + "  "
    places = "Xposition Yposition Zposition " if kind == "ROOT" else ""
    yield f"{indent}{kind} {skeleton.joints[joint]}\n{indent}{{\n"
    yield f"{inner}OFFSET {_numbers(figure.offsets[joint])}\n"
    yield (
        f"{inner}CHANNELS {6 if places else 3} {places}"
        "Zrotation Xrotation Yrotation\n"
    )
    children = figure.children(joint)
    for child in children:
        yield from _joint(figure, child, "JOINT", inner)
    if not children:
        end = _END * figure.offsets[joint]
        if not np.linalg.norm(end):  # Blender shows no bone without a length
            end = np.array([0.0, -_SMALLEST_END, 0.0])
        yield f"{inner}End Site\n{inner}{{\n"
        yield f"{inner}  OFFSET {_numbers(end)}\n{inner}}}\n"
    yield f"{indent}}}\n"


def _numbers(values: np.ndarray) -> str:
    return " ".join(f"{value:.6f}" for value in values)
