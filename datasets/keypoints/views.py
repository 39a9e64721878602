"""Synchronised views: which file is which camera, who is who, which frame."""

import re
from collections.abc import Sequence

import numpy as np

from tf_poselift.keypoint_files import calibration
from tf_poselift.keypoint_files import tracks as tracks_lib


def match(
    names: Sequence[str], cameras: calibration.Calibration, where: str
) -> tuple[list[int], str]:
    """Returns the position in `names` of every camera, and a note.

    A file or folder is named like the camera or its table in the TOML. Else
    capitals, `_`, leading zeros and a final "_json" or "_keypoints" may differ
    (cam1_json: cam_01), or, if the numbers agree, the sorted order decides;
    the note says so.

    Raises:
      ValueError: the numbers differ; lists both.
    """
    for known in (cameras.names, cameras.sections):
        if set(known) <= set(names):
            if len(names) > len(known):
                break
            return [names.index(name) for name in known], ""
    if len(names) != len(cameras.names):
        raise ValueError(
            f"{where}: must hold a file or folder for every camera of the "
            f"calibration. Received: {', '.join(names)}. Cameras: "
            f"{', '.join(cameras.names)}."
        )
    plain = [_plain(name) for name in names]
    for known in (cameras.names, cameras.sections):
        wanted = [_plain(name) for name in known]
        if len(set(plain)) == len(plain) and set(wanted) == set(plain):
            order, how = [plain.index(name) for name in wanted], "by name"
            break
    else:
        by_name = sorted(range(len(names)), key=lambda i: _natural(names[i]))
        by_camera = sorted(
            range(len(names)), key=lambda i: _natural(cameras.names[i])
        )
        order = [0] * len(names)
        for position, camera in zip(by_name, by_camera, strict=True):
            order[camera] = position
        how = "in sorted order, the names say nothing: check it"
    pairs = ", ".join(
        f"{names[position]} = {camera}"
        for position, camera in zip(order, cameras.names, strict=True)
    )
    return order, f"{where}: views matched {how}: {pairs}"


def _plain(name: str) -> str:
    """cam1_json and Cam_01 alike: "cam1"."""
    name = re.sub(r"[_\W]+(json|keypoints|pose)$", "", name.lower())
    return re.sub(r"0*(\d+)", r"\1", re.sub(r"[_\W]", "", name))


def _natural(name: str) -> list:
    """Sorts cam2 before cam10."""
    parts = re.split(r"(\d+)", name.lower())
    return [(int(p), "") if p.isdigit() else (-1, p) for p in parts]


def biggest(
    tracks: Sequence[tracks_lib.Track], where: str
) -> tuple[tracks_lib.Track, str]:
    """Returns the person of a view that all views are about, and a note.

    Nobody knows who is who between the views; the person with the greatest
    sum over the frames of the diagonal of the joints' box is taken.

    Raises:
      ValueError: nobody is there.
    """
    if not tracks:
        raise ValueError(
            f"{where}: must show somebody, as every view of a recording. "
            "Received: nobody was seen, or no score reaches `min_score`."
        )
    person = max(tracks, key=_extent)
    if len(tracks) == 1:
        return person, ""
    frames = len(person.frame_index)
    return person, (
        f"{where}: {len(tracks)} people (or pieces of a broken track); the "
        f"biggest, seen in {frames} frames, is taken, the others are left out"
    )


def _extent(track: tracks_lib.Track) -> float:
    seen = track.scores[..., np.newaxis] > 0.0
    low = np.where(seen, track.keypoints_2d, np.inf).min(axis=1)
    high = np.where(seen, track.keypoints_2d, -np.inf).max(axis=1)
    return float(np.linalg.norm(high - low, axis=-1).sum())


def join(
    people: Sequence[tracks_lib.Track],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Puts the tracks of V views side by side, by the number of the frame.

    Returns:
      frame_index [T] of the frames that any view has, keypoints_2d
      [T, V, J, 2] and scores [T, V, J]; 0 where a view lacks the frame.
    """
    frame_index = np.unique(np.concatenate([p.frame_index for p in people]))
    joints = people[0].scores.shape[-1]
    shape = (len(frame_index), len(people), joints)
    keypoints_2d, scores = np.zeros((*shape, 2)), np.zeros(shape)
    for view, person in enumerate(people):
        rows = np.searchsorted(frame_index, person.frame_index)
        keypoints_2d[rows, view] = person.keypoints_2d
        scores[rows, view] = person.scores
    return frame_index, keypoints_2d, scores
