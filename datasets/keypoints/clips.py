"""Clips of a folder of keypoint files: one per person, or one per recording.

Without a calibration every person in every file is a clip of one view. With
one, the files of a folder are the synchronised views of one recording, and the
biggest person in each view is a clip together.
"""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np
from keypoints import settings as settings_lib
from keypoints import views

from tf_poselift.data import records
from tf_poselift.keypoint_files import reading
from tf_poselift.keypoint_files import tracks as tracks_lib

_SCRAP = 10  # a person seen in 1 / 10 of the frames of another is a scrap
_SHOWN = 6  # persons that a note names


@dataclasses.dataclass(frozen=True, eq=False)
class Clip:
    """T frames of V views.

    Attributes:
      clip_id: unique in the data set.
      name: of the video or recording.
      person: number of the person.
      frame_index: [T].
      keypoints_2d: [T, V, J, 2] pixels.
      scores: [T, V, J]; 0 = missing.
      image_size: [V, 2]; 0 = unknown.
    """

    clip_id: str
    name: str
    person: int
    frame_index: np.ndarray
    keypoints_2d: np.ndarray
    scores: np.ndarray
    image_size: np.ndarray

    def rows(self, rows: slice, clip_id: str) -> "Clip":
        """Returns the clip of some of the frames."""
        return dataclasses.replace(
            self,
            clip_id=clip_id,
            frame_index=self.frame_index[rows],
            keypoints_2d=self.keypoints_2d[rows],
            scores=self.scores[rows],
        )


def read(settings: settings_lib.Settings) -> tuple[list[Clip], list[str]]:
    """Returns all clips of a folder, and what the user should know.

    Raises:
      ValueError: names the file that cannot be read, or the video, view or
        folder in which nobody was seen.
    """
    paths = reading.sources(settings.folder)
    if settings.calibration is None:
        return _single_views(settings, paths)
    return _recordings(settings, paths)


def _single_views(settings, paths: Sequence[pathlib.Path]):
    clips, notes = [], []
    for path in paths:
        tracks = _tracks(settings, path, settings.image_size)
        if not tracks:
            notes.append(f"{path}: nobody was seen; left out")
        tracks, note = _without_scraps(tracks, path)
        notes += [note] if note else []
        digits = len(str(max((t.person for t in tracks), default=0)))
        clips += [
            Clip(
                clip_id=f"{track.name}_{track.person:0{digits}}",
                name=track.name,
                person=track.person,
                frame_index=track.frame_index,
                keypoints_2d=track.keypoints_2d[:, np.newaxis],
                scores=track.scores[:, np.newaxis],
                image_size=np.array([track.image_size or (0.0, 0.0)]),
            )
            for track in tracks
        ]
    if not clips:
        raise ValueError(
            f"{settings.folder}: must show somebody. Received: {len(paths)} "
            "files or videos in which nobody was seen, or no score reaches "
            f"`min_score` {settings.min_score}."
        )
    return clips, notes


def _without_scraps(tracks, path: pathlib.Path):
    """Leaves out who is seen in a tenth of the frames of another, or less."""
    frames = [len(track.frame_index) for track in tracks]
    if max(frames, default=0) < _SCRAP or len(frames) < 2:
        return tracks, None
    least = max(frames) / _SCRAP
    kept = [t for t in tracks if len(t.frame_index) > least]
    seen = ", ".join(
        f"person {t.person}: {len(t.frame_index)}" for t in kept[:_SHOWN]
    )
    note = f"{path}: frames of {seen}"
    note += f" and {len(kept) - _SHOWN} more" if len(kept) > _SHOWN else ""
    if len(kept) < len(tracks):
        note += (
            f"; {len(tracks) - len(kept)} people (or pieces of a broken track) "
            f"of at most {least:.0f} frames are left out"
        )
    return kept, note


def _recordings(settings, paths: Sequence[pathlib.Path]):
    """One clip for every folder that holds a file or folder per camera."""
    clips, notes = [], []
    cameras = settings.calibration
    folders = [_folder(settings, path) for path in paths]
    for folder in sorted(set(folders)):
        of_folder = [
            p for p, f in zip(paths, folders, strict=True) if f == folder
        ]
        where = str(settings.folder / folder)
        order, note = views.match([_stem(p) for p in of_folder], cameras, where)
        notes += [note] if note else []
        people = []
        for view, position in enumerate(order):
            path, size = of_folder[position], tuple(cameras.image_size[view])
            tracks = _tracks(settings, path, size)
            person, note = views.biggest(tracks, str(path))
            people.append(person)
            notes += [note] if note else []
        frame_index, keypoints_2d, scores = views.join(people)
        name = settings.folder.resolve().name if folder == "." else folder
        clips.append(
            Clip(
                clip_id=name,
                name=name,
                person=0,
                frame_index=frame_index,
                keypoints_2d=keypoints_2d,
                scores=scores,
                image_size=cameras.image_size,
            )
        )
    return clips, notes


def _tracks(settings, path, image_size) -> list[tracks_lib.Track]:
    """Reads a source; the names are relative to the folder of all files."""
    tracks = reading.read(
        path,
        settings.skeleton,
        format=settings.format,
        image_size=image_size,
        stills=settings.stills,
    )
    folder = _folder(settings, path)
    prefix = "" if folder == "." else f"{folder}/"
    trusted = (_trusted(track, settings.min_score) for track in tracks)
    return [
        dataclasses.replace(track, name=prefix + track.name)
        for track in trusted
        if len(track.frame_index)
    ]


def _trusted(track: tracks_lib.Track, min_score: float) -> tracks_lib.Track:
    """Returns the track without what scores less, and without empty frames."""
    scores = np.where(track.scores >= min_score, track.scores, 0.0)
    rows = np.flatnonzero(scores.any(axis=-1))
    seen = (scores[rows] > 0.0)[..., np.newaxis]
    return dataclasses.replace(
        track,
        frame_index=track.frame_index[rows],
        keypoints_2d=np.where(seen, track.keypoints_2d[rows], 0.0),
        scores=scores[rows],
    )


def _folder(settings, path: pathlib.Path) -> str:
    """Where a source lies in the folder of all files; "." is that folder."""
    parent = path if path == settings.folder else path.parent
    return parent.relative_to(settings.folder).as_posix()


def _stem(path: pathlib.Path) -> str:
    return path.name if path.is_dir() else path.stem


def split(clips: Sequence[Clip]) -> tuple[dict[str, list[Clip]], list[str]]:
    """Returns {split: clips}, and what the user should know.

    Every eighth clip by sorted id validates; of fewer clips the last eighth of
    the frames of the longest.

    Raises:
      ValueError: two clips of the same id.
    """
    by_id = {clip.clip_id: clip for clip in clips}
    train, validation = records.hold_out_every_eighth(c.clip_id for c in clips)
    clip = max(clips, key=lambda clip: len(clip.frame_index))
    frames = len(clip.frame_index)
    if len(clips) >= records.HOLD_OUT or frames == 1:
        names = {"train": train, "validation": validation}
        return {
            k: [by_id[c] for c in ids] for k, ids in names.items() if ids
        }, []
    cut = frames - max(1, frames // records.HOLD_OUT)
    which = (
        "a single clip: its" if len(clips) == 1 else f"`{clip.clip_id}`: the"
    )
    note = (
        f"{which} last {frames - cut} of {frames} frames validate, as "
        f"`{clip.clip_id}_end`"
    )
    others = [c for c in clips if c.clip_id != clip.clip_id]
    return {
        "train": [clip.rows(slice(cut), clip.clip_id), *others],
        "validation": [clip.rows(slice(cut, None), f"{clip.clip_id}_end")],
    }, [note]
