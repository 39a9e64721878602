"""Names of Human3.6M's takes: subjects, actions, and the takes with faults.

A subject performs every action twice. The number behind an action is irregular
("Directions", "Directions 1", "Directions 2", ...) and differs between
subjects, so that takes are always found, never counted through.
"""

import dataclasses
from collections.abc import Iterable
from collections.abc import Mapping
from typing import TypeVar

from tf_poselift import checks

Source = TypeVar("Source")

# The split of the literature on lifting (3d-pose-baseline, VideoPose3D).
TRAIN = ("S1", "S5", "S6", "S7", "S8")
TEST = ("S9", "S11")
SUBJECTS = TRAIN + TEST
TAKES = 30  # of a subject
ACTIONS = (
    "Directions",
    "Discussion",
    "Eating",
    "Greeting",
    "Phoning",
    "Photo",
    "Posing",
    "Purchases",
    "Sitting",
    "SittingDown",
    "Smoking",
    "Waiting",
    "WalkDog",
    "Walking",
    "WalkTogether",
)
# Longer names, which S1 has, and metadata.xml.
_SHORT = {
    "TakingPhoto": "Photo",
    "WalkingDog": "WalkDog",
    "WalkingTogether": "WalkTogether",
}
_ALL = "_ALL"  # files of calibration, not of an action


@dataclasses.dataclass(frozen=True, order=True)
class Take:
    """One recording of one subject; `name` is cleaned: "Photo 1"."""

    subject: str
    name: str

    @property
    def action(self) -> str:
        # The whole word: "Sitting" also begins "SittingDown".
        return self.name.split(" ")[0]

    @property
    def clip_id(self) -> str:
        return f"{self.subject}_{self.name.replace(' ', '_')}"

    @property
    def flags(self) -> str:
        return S9_OFFSET if self in _SHIFTED else ""


S9_OFFSET = "s9_offset"
# The world x of these poses is 200 mm too large against the images.
_SHIFTED = {
    Take("S9", "Greeting"),
    Take("S9", "SittingDown 1"),
    Take("S9", "Waiting 1"),
}
# Left out by 3d-pose-baseline and VideoPose3D: the video of its first camera
# is damaged. The 30th take of S11.
DAMAGED = Take("S11", "Directions")


def index(
    named: Iterable[tuple[str, str, Source]],
) -> Mapping[Take, Source]:
    """Returns {take: source} of (subject, raw name, source).

    Names are cleaned: spaces for underscores, short words. Other subjects
    (S2, S3, S4 have detections, but no public 3D), calibration (`_ALL`) and
    the damaged take are left out.

    Raises:
      ValueError: a name that is no action, or two sources of one take.
    """
    found = {}
    for subject, raw, source in named:
        if subject not in SUBJECTS or raw.startswith(_ALL):
            continue
        word, *suffix = raw.replace("_", " ").split(" ")
        word = _SHORT.get(word, word)
        checks.check_member(f"action of `{subject} {raw}`", word, ACTIONS)
        take = Take(subject, " ".join([word, *suffix]))
        if take in found:
            raise ValueError(
                f"`{subject} {take.name}` must be there once. Received: "
                f"{found[take]} and {source}."
            )
        if take != DAMAGED:
            found[take] = source
    return found


def shortfall(found: Iterable[Take]) -> dict[str, tuple[int, int]]:
    """Returns {subject: (takes found, takes wanted)} where some are missing."""
    found = list(found)
    counts = {
        subject: (
            sum(take.subject == subject for take in found),
            TAKES - (subject == DAMAGED.subject),
        )
        for subject in SUBJECTS
    }
    return {
        s: (have, want) for s, (have, want) in counts.items() if have < want
    }
