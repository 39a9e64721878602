"""Sizes of lifted people, and which way is up among them."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tf_poselift import skeletons
from tf_poselift.geometry import body
from tf_poselift.geometry import leveling
from tf_poselift.keypoint_files import lifted

_CHUNK = 4096  # frames


def scaled(person: lifted.Person, factor: np.ndarray | float) -> lifted.Person:
    """Returns the person with joints times a factor, of all frames or [T]."""
    factor = np.broadcast_to(np.float32(factor), person.size.shape)
    known = factor > 0.0
    return dataclasses.replace(
        person,
        joints_3d=person.joints_3d * factor[:, np.newaxis, np.newaxis],
        size=person.size / np.where(known, factor, np.float32(1.0)),
    )


def one_size(
    person: lifted.Person, skeleton: skeletons.Skeleton
) -> lifted.Person:
    """Undoes that the model makes a crouching person as large as a standing.

    It divides every pose by its own extent; bones do not shrink.
    """
    lengths = _lengths(person, skeleton)
    return scaled(person, 1.0 / body.relative_sizes(lengths))


def _lengths(person: lifted.Person, skeleton: skeletons.Skeleton) -> np.ndarray:
    """Returns the length [T, B] of every bone, made in chunks."""
    lengths = np.empty((len(person.size), len(skeleton.bones)), np.float32)
    for start in range(0, len(lengths), _CHUNK):
        rows = slice(start, start + _CHUNK)
        lengths[rows] = body.bone_lengths(person.joints_3d[rows], skeleton)
    return lengths


def in_metres(
    people: Sequence[lifted.Person],
    skeleton: skeletons.Skeleton,
    *,
    height: float | None = None,
    bone: tuple[str, str, float] | None = None,
    notes: list[str],
) -> list[lifted.Person]:
    """Returns everybody in one size and in metres.

    Args:
      people: in model units.
      skeleton: J joints.
      height: of everybody, metres; or
      bone: (joint, joint, metres) of everybody.
      notes: gets who is left out because they cannot be measured.

    Raises:
      ValueError: that is everybody.
    """
    measured, reasons = [], []
    for person in people:
        try:
            measured.append(_in_metres(person, skeleton, height, bone))
        except ValueError as error:
            reasons.append(str(error))
            notes.append(f"person {person.number} is left out: {error}")
    if not measured:
        raise ValueError(f"Nobody could be measured. {reasons[0]}")
    return measured


def _in_metres(person: lifted.Person, skeleton, height, bone) -> lifted.Person:
    person = one_size(person, skeleton)
    # The median over every n-th frame does as well.
    sample = person.joints_3d[:: -(-len(person.size) // _CHUNK)]
    if bone is None:
        return scaled(person, height / body.stature(sample, skeleton))
    *names, wanted = bone
    one, other = (skeleton.joints.index(name) for name in names)
    between = sample[:, [one]] - sample[:, [other]]
    found = body.median(np.linalg.norm(between, axis=-1))[0]
    if not found > 0.0:  # also NaN
        raise ValueError(
            f"`bone` must be seen. Received: {':'.join(names)}, which no frame "
            "shows."
        )
    return scaled(person, wanted / found)


def leveled(
    people: Sequence[lifted.Person],
    skeleton: skeletons.Skeleton,
    camera_pitch: float | None,
    notes: list[str],
) -> list[lifted.Person]:
    """Turns everybody as their camera would have to be turned to be level.

    Args:
      people: everybody of one camera.
      skeleton: J joints.
      camera_pitch: degrees by which the camera looks down; None: the median of
        the directions from the root to between the shoulders points up.
      notes: gets by how much they were turned.

    Raises:
      ValueError: nothing tells what is up.
    """
    if camera_pitch is not None:
        rotation = leveling.from_pitch(camera_pitch)
    else:
        rotation = leveling.from_up(
            np.concatenate([body.trunk(p.joints_3d, skeleton) for p in people])
        )
        degrees = np.degrees(np.arccos(np.clip(rotation[1, 1], -1.0, 1.0)))
        notes.append(f"turned upright by {degrees:.1f} degrees")
    rotation = rotation.astype(np.float32)
    return [
        dataclasses.replace(person, joints_3d=person.joints_3d @ rotation.T)
        for person in people
    ]
