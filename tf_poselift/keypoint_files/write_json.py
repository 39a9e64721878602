"""Lifted people as JSON: what it is, then everybody's frames.

    {"name", "fps", "unit", "unit_meaning", "axes", "skeleton": its YAML file,
     "people": [{"person": 0, "frames": [
        {"frame": 12, "joints_3d": [[x, y, z] or null, ...],
         "scores": [...]}, ...]}]}

null: the joint was not seen, or the frame not lifted. A frame is a line. Of a
model that tells it, it has "uncertainty": [...] as well, in the same unit.
"""

import json
import pathlib

import numpy as np

from tf_poselift.keypoint_files import lifted


def write(path: pathlib.Path, video: lifted.Video) -> None:
    """Writes a video."""
    head = {
        "name": video.name,
        "fps": video.fps,
        "unit": video.unit,
        "unit_meaning": lifted.UNITS[video.unit],
        "axes": video.axes,
        "skeleton": video.skeleton.to_dict(),
    }
    told = video.tells_uncertainty
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(head, ensure_ascii=False)[:-1])
        file.write(', "people": [')
        for i, person in enumerate(video.people):
            file.write(",\n" if i else "\n")
            file.write(f'{{"person": {person.number}, "frames": [')
            between = "\n"
            for part in person.parts():
                _write_frames(file, part, between, told)
                between = ",\n"
            file.write("\n]}")
        file.write("\n]}\n")


def _write_frames(
    file, person: lifted.Person, between: str, told: bool
) -> None:
    for t, frame in enumerate(person.frame_index.tolist()):
        joints = np.round(person.joints_3d[t].astype(np.float64), 6).tolist()
        scores = np.round(person.scores[t].astype(np.float64), 4).tolist()
        values = {
            "frame": frame,
            "joints_3d": [j if j[0] == j[0] else None for j in joints],
            "scores": scores,
        }
        if told:
            given = person.uncertainty[t].astype(np.float64)
            values["uncertainty"] = [
                value if value == value else None
                for value in np.round(given, 6).tolist()
            ]
        file.write(",\n" if t else between)
        file.write(json.dumps(values, allow_nan=False))
