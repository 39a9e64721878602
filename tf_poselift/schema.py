"""Names, shapes and units of a record and of a batch.

The only file that spells a feature key. A record is one clip: all frames and
all synchronised views of one recording, in pixels and millimetres, nothing
normalised. Shape letters: T frames, V views, J joints; only T is unknown.

Camera space: x right, y down, z forward. World space: z up.
`x_camera = rotation @ x_world + translation`.
"""

import dataclasses

# Text of a clip.
CLIP_ID = "clip_id"
SUBJECT = "subject"
ACTION = "action"
SCENE = "scene"
FLAGS = "flags"  # comma-separated words, e.g. a known fault of the recording
PERSON = "person"  # person's number within the clip
FPS = "fps"
# Per frame.
FRAME_INDEX = "frame_index"  # number of the frame in the source recording
FRAME_VALID = "frame_valid"  # evaluate this frame
FRAME_ACTION = "frame_action"  # index into the action names; -1: the clip's
KEYPOINTS_2D = "keypoints_2d"  # pixels, origin top left
SCORES = "scores"  # in [0, 1]; 0: missing
IMAGE_SIZE = "image_size"  # (width, height) in pixels; 0: unknown
# Where the set has 3D.
JOINTS_3D = "joints_3d"  # mm, in each camera's space, not centred
JOINTS_3D_VALID = "joints_3d_valid"
# Where the set is calibrated.
CAMERAS = "cameras"
INTRINSICS = "intrinsics"  # pixels
DISTORTION = "distortion"  # OpenCV order k1 k2 p1 p2 k3
ROTATION = "rotation"  # world to camera
TRANSLATION = "translation"  # mm
# Only in batches.
INDEX = "index"  # global example index
STEP = "step"
UNPAIRED = "unpaired_"  # prefix: an independent draw, no correspondence
LABELLED = "labelled_"  # prefix: an independent draw of poses with 3D


@dataclasses.dataclass(frozen=True)
class Field:
    """Type and shape of one feature; letters stand for T, V and J."""

    dtype: str
    shape: tuple[int | str, ...] = ()
    unit: str = ""


ALWAYS = {
    CLIP_ID: Field("string"),
    SUBJECT: Field("string"),
    ACTION: Field("string"),
    SCENE: Field("string"),
    FLAGS: Field("string"),
    PERSON: Field("int64"),
    FPS: Field("float32", (), "Hz"),
    FRAME_INDEX: Field("int64", ("T",)),
    FRAME_VALID: Field("bool", ("T",)),
    FRAME_ACTION: Field("int64", ("T",)),
    KEYPOINTS_2D: Field("float32", ("T", "V", "J", 2), "px"),
    SCORES: Field("float32", ("T", "V", "J")),
    IMAGE_SIZE: Field("float32", ("V", 2), "px"),
}
WITH_3D = {
    JOINTS_3D: Field("float32", ("T", "V", "J", 3), "mm"),
    JOINTS_3D_VALID: Field("bool", ("T", "V", "J")),
}
CALIBRATION = {
    INTRINSICS: Field("float32", ("V", 3, 3), "px"),
    DISTORTION: Field("float32", ("V", 5)),
    ROTATION: Field("float32", ("V", 3, 3)),
    TRANSLATION: Field("float32", ("V", 3), "mm"),
}

# Keys of the data set's metadata (TFDS `MetadataDict`).
METADATA_SKELETON = "skeleton"  # `Skeleton.to_dict()`
METADATA_ACTIONS = "action_names"
METADATA_UNITS = "units"
UNITS = {
    name: field.unit
    for name, field in (ALWAYS | WITH_3D | CALIBRATION).items()
    if field.unit
}


@dataclasses.dataclass(frozen=True)
class BatchSpec:
    """What one training example of a method is made of.

    `keypoints_2d [B, (T,) (V,) J, 2]` pixels and `scores [B, (T,) (V,) J]`
    always come, with `index [B]` int64 and `step []` int64. The T axis is
    there if `frames` has more than one entry, the V axis if `views` is not 1.

    Attributes:
      frames: offsets from the drawn frame, in frames; a pair (low, high) is an
        offset drawn uniformly from that closed range, 0 <= low <= high.
      views: 1: every view is an example of its own; n: the first n views of
        a frame together; None: all of them.
      cameras: adds `intrinsics`, `distortion`, `rotation`, `translation`
        (`[B, (V,) ...]`).
      joints_3d: adds `joints_3d [B, (T,) (V,) J, 3]` mm and
        `joints_3d_valid`. Off in every method that learns from 2D alone, so
        that it cannot read them.
      unpaired: adds `unpaired_keypoints_2d` and `unpaired_scores`, single
        frames and views drawn independently of the example.
      labelled_share: share of all poses, chosen by the seed, whose 3D may be
        read. If not 0, adds `labelled_keypoints_2d`, `labelled_scores`,
        `labelled_joints_3d`, `labelled_joints_3d_valid` (and, with `cameras`,
        `labelled_intrinsics`): single frames and views drawn from these poses
        alone.
    """

    frames: tuple[int | tuple[int, int], ...] = (0,)
    views: int | None = 1
    cameras: bool = False
    joints_3d: bool = False
    unpaired: bool = False
    labelled_share: float = 0.0
