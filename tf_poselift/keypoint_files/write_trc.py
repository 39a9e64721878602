"""A lifted person as a TRC marker file, as OpenSim and Pose2Sim read it.

Tab-separated: three lines of what it is, two of names, then a line for every
frame from the first to the last with its number and time; a marker that was
not seen is blank. y is up: x right, y up, z towards the camera. `Units` is m or
mm; a model that knows no size writes `model`, which OpenSim refuses: give a
height.
"""

import pathlib

from tf_poselift.keypoint_files import lifted

_KEYS = (
    *("DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units"),
    *("OrigDataRate", "OrigDataStartFrame", "OrigNumFrames"),
)


def write(
    path: pathlib.Path, video: lifted.Video, person: lifted.Person
) -> None:
    """Writes one person of a video.

    Raises:
      ValueError: nearly all frames would be blank.
    """
    first, last = int(person.frame_index[0]), int(person.frame_index[-1])
    lifted.check_is_video(person)
    count, names = last - first + 1, video.skeleton.joints
    rate = f"{video.fps:.6g}"
    values = (rate, rate, count, len(names), video.unit, rate, first, count)
    axes = "\t".join(f"X{i}\tY{i}\tZ{i}" for i in range(1, len(names) + 1))
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f"PathFileType\t4\t(X/Y/Z)\t{path.name}\n")
        file.write("\t".join(_KEYS) + "\n")
        file.write("\t".join(map(str, values)) + "\n")
        file.write("Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t\n")
        file.write(f"\t\t{axes}\n")
        previous = first - 1
        for part in person.parts():
            _write_frames(file, video, part, previous)
            previous = int(part.frame_index[-1])


def _write_frames(
    file, video: lifted.Video, person: lifted.Person, previous: int
) -> None:
    blank = "\t" * (3 * video.skeleton.num_joints - 1)
    for t, frame in enumerate(person.frame_index.tolist()):
        for absent in range(previous + 1, frame):
            file.write(f"{absent}\t{absent / video.fps:.6f}\t{blank}\n")
        markers = "\t".join(
            f"{x:.6f}\t{y:.6f}\t{z:.6f}" if x == x else "\t\t"
            for x, y, z in (person.joints_3d[t] * lifted.TO_Y_UP).tolist()
        )
        file.write(f"{frame}\t{frame / video.fps:.6f}\t{markers}\n")
        previous = frame
