"""Sizes of lifted people, and which way is up among them."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tf_poselift import skeletons
from tf_poselift.geometry import body
from tf_poselift.geometry import leveling
from tf_poselift.keypoint_files import lifted
from tf_poselift.keypoint_files import on_disk

# What `leveled` calls likely, in degrees: by how much a camera looks down, and
# how far the trunks of people who mostly stand or walk are from upright.
_LIKELY_TURN = 30.0
_LIKELY_LEAN = 15.0


def scaled(person: lifted.Person, factor: np.ndarray | float) -> lifted.Person:
    """Returns the person with joints times a factor, of all frames or [T].

    The arrays of the joints and of their uncertainty are changed in place.
    """
    factor = np.broadcast_to(np.float32(factor), person.size.shape)
    known = factor > 0.0
    joints_3d, uncertainty = person.joints_3d, person.uncertainty
    for rows in on_disk.slices(len(factor)):
        own = factor[rows, np.newaxis]
        joints_3d[rows] = joints_3d[rows] * own[..., np.newaxis]
        if uncertainty is not None:
            uncertainty[rows] = uncertainty[rows] * own
    return dataclasses.replace(
        person, size=person.size / np.where(known, factor, np.float32(1.0))
    )


def one_size(
    person: lifted.Person, skeleton: skeletons.Skeleton
) -> lifted.Person:
    """Undoes that the model makes a crouching person as large as a standing.

    It divides every pose by its own extent; bones do not shrink.
    """
    sample = on_disk.sample(person.joints_3d)
    usual = body.median(body.bone_lengths(sample, skeleton))
    sizes = [
        body.relative_sizes(body.bone_lengths(part.joints_3d, skeleton), usual)
        for part in person.parts()
    ]
    return scaled(person, 1.0 / np.concatenate(sizes))


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
      lifted.Nobody: that is everybody.
    """
    measured, reasons = [], []
    for person in people:
        try:
            measured.append(_in_metres(person, skeleton, height, bone))
        except ValueError as error:
            reasons.append(str(error))
            notes.append(f"person {person.number} is left out: {error}")
    if not measured:
        raise lifted.Nobody(f"Nobody could be measured. {reasons[0]}")
    return measured


def _in_metres(person: lifted.Person, skeleton, height, bone) -> lifted.Person:
    person = one_size(person, skeleton)
    # The median over every n-th frame does as well.
    sample = on_disk.sample(person.joints_3d)
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

    The arrays of the joints are changed in place.

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
        # Every n-th frame, the same n for everybody.
        total = sum(len(person.size) for person in people)
        step = -(-total // (4 * on_disk.CHUNK))
        trunks = np.concatenate(
            [body.trunk(p.joints_3d[::step], skeleton) for p in people]
        )
        rotation = leveling.from_up(trunks)
        notes.append(_verdict(rotation, trunks))
    rotation = rotation.astype(np.float32)
    for person in people:
        for rows in on_disk.slices(len(person.size)):
            person.joints_3d[rows] = person.joints_3d[rows] @ rotation.T
    return list(people)


def _verdict(rotation: np.ndarray, trunks: np.ndarray) -> str:
    """Says by how much people were turned, and whether that is likely."""
    turned = np.degrees(np.arccos(np.clip(rotation[1, 1], -1.0, 1.0)))
    length = np.linalg.norm(trunks, axis=-1)
    known = length > 0.0  # not NaN
    up = -(trunks[known] @ rotation.T)[:, 1] / length[known]
    lean = np.degrees(np.arccos(np.clip(np.median(up), -1.0, 1.0)))
    text = (
        f"turned upright by {turned:.1f} degrees; half of the trunks are then "
        f"within {lean:.1f} degrees of upright"
    )
    if turned <= _LIKELY_TURN and lean <= _LIKELY_LEAN:
        return f"{text}: good"
    return (
        f"{text}: DOUBTFUL (likely are up to {_LIKELY_TURN:.0f} and "
        f"{_LIKELY_LEAN:.0f}): people bend or lie, or the model does not know "
        "such people; give `--camera_pitch`"
    )
