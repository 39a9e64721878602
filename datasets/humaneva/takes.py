"""Names of HumanEva's takes as VideoPose3D's conversion gives them.

A recording ("Walking 1" of "Train/S1") is cut into runs of frames in which
everything is known. The runs are numbered together with the gaps between them,
and only they are kept: "Walking 1 chunk0", "Walking 1 chunk2", ...
"""

import dataclasses
import re

from tf_poselift import checks

TRAIN, TEST = "Train", "Validate"
SUBJECTS = ("S1", "S2", "S3")
ACTIONS = ("Walking", "Jog", "ThrowCatch", "Gestures", "Box")
# Papers report these; a download without them is not whole.
REPORTED = ("Walking", "Jog", "Box")

_FOLDER = re.compile(r"(?P<part>Train|Validate)/(?P<subject>S\d)")
_NAME = re.compile(r"(?P<action>[A-Za-z]+) (?P<trial>\d+)")
_CHUNK = re.compile(_NAME.pattern + r" chunk(?P<chunk>\d+)")


@dataclasses.dataclass(frozen=True, order=True)
class Take:
    """A run of frames: "Train", "S1", "Walking 1", 0."""

    part: str
    subject: str
    recording: str
    chunk: int

    @property
    def action(self) -> str:
        return self.recording.split(" ")[0]

    @property
    def clip_id(self) -> str:
        name = self.recording.replace(" ", "_")
        return f"{self.part}_{self.subject}_{name}_chunk{self.chunk}"


def parse(folder: str, name: str) -> Take | None:
    """Returns the take of "Train/S1", "Walking 1 chunk0".

    None of a folder that is neither of training nor of validation (detections
    of frames without 3D are called "Unlabeled/...").

    Raises:
      ValueError: another form of the name, or an unknown action.
    """
    where = _FOLDER.fullmatch(folder)
    if not where or where["subject"] not in SUBJECTS:
        return None
    match = _CHUNK.fullmatch(name)
    if not match:
        raise ValueError(
            "A take's name must be ACTION TRIAL chunkNUMBER. Received: "
            f"`{name}` of `{folder}`."
        )
    checks.check_member("action", match["action"], ACTIONS)
    return Take(
        where["part"],
        where["subject"],
        f"{match['action']} {match['trial']}",
        int(match["chunk"]),
    )


def recording(stem: str) -> str:
    """Returns "Walking 1" of a file's name, "Walking_1".

    Raises:
      ValueError: another form of the name, or an unknown action.
    """
    name = stem.replace("_", " ")
    match = _NAME.fullmatch(name)
    if not match:
        raise ValueError(
            f"A recording must be ACTION_TRIAL.mat. Received: `{stem}.mat`."
        )
    checks.check_member("action", match["action"], ACTIONS)
    return name
