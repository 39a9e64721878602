"""Lifting with a model that is known, sizes, metres and upright axes."""

import dataclasses

import numpy as np
import pytest

from tf_poselift import skeletons
from tf_poselift.geometry import body
from tf_poselift.geometry import leveling
from tf_poselift.keypoint_files import lifted
from tf_poselift.keypoint_files import lifting
from tf_poselift.keypoint_files import on_disk
from tf_poselift.keypoint_files import tracks as tracks_lib

SKELETON = skeletons.load("human36m_17")
NAMES = list(SKELETON.joints)
# Metres, y down; hip to ankle 0.9, trunk 0.5, head 0.3 above.
STANDING = {
    "left_hip": (0.1, 0, 0), "left_knee": (0.1, 0.5, 0),
    "left_ankle": (0.1, 0.9, 0), "right_hip": (-0.1, 0, 0),
    "right_knee": (-0.1, 0.5, 0), "right_ankle": (-0.1, 0.9, 0),
    "spine": (0, -0.25, 0), "thorax": (0, -0.5, 0), "nose": (0, -0.6, -0.1),
    "head": (0, -0.8, 0), "left_shoulder": (0.2, -0.5, 0),
    "left_elbow": (0.2, -0.2, 0), "left_wrist": (0.2, 0.1, 0),
    "right_shoulder": (-0.2, -0.5, 0), "right_elbow": (-0.2, -0.2, 0),
    "right_wrist": (-0.2, 0.1, 0),
}  # fmt: skip
BODY = np.array([STANDING.get(j, (0, 0, 0)) for j in NAMES], np.float32)
STATURE = 1.7 / (1.0 - 0.039)


def track(count=20, person=0, frames=None, scale=400.0) -> tracks_lib.Track:
    """Shows `BODY` from the front; the joint's depth is not in it."""
    points = np.tile(BODY[:, :2] * scale + [640.0, 360.0], (count, 1, 1))
    return tracks_lib.Track(
        name="walk",
        person=person,
        frame_index=np.arange(count) if frames is None else np.array(frames),
        keypoints_2d=points.astype(np.float32),
        scores=np.ones((count, 17), np.float32),
        image_size=(1280.0, 720.0),
    )


class Model:
    """Knows the depths of `BODY`; 1 is the mean distance, as served."""

    def __init__(self, mm: float = 0.0, tilt: float = 0.0):
        self.mm = mm
        self.turn = leveling.from_pitch(tilt).T.astype(np.float32)
        self.batches = []

    def __call__(self, keypoints_2d, scores):
        self.batches.append(len(scores))
        assert np.isfinite(keypoints_2d).all()
        seen = (scores > 0.0).astype(np.float32)
        flat = (keypoints_2d - keypoints_2d[:, :1]) * seen[..., None]
        size = np.abs(flat).max(axis=(1, 2), keepdims=True) / 0.9
        joints = np.concatenate(
            [flat / size, np.tile(BODY[:, 2:], (len(flat), 1, 1))], axis=-1
        )
        joints = (joints * seen[..., None]) @ self.turn.T
        distance = np.linalg.norm(joints, axis=-1).sum(1) / seen[:, 1:].sum(1)
        valid = seen[:, 0] > 0.0
        return {
            "joints_3d": joints
            / distance[:, None, None]
            * valid[:, None, None],
            "scale": np.where(valid, self.mm * distance, 0.0),
            "valid": valid,
        }


class Unsure(Model):
    """Says: a half of the distance from the root where the score is 0.5."""

    def __call__(self, keypoints_2d, scores):
        answers = super().__call__(keypoints_2d, scores)
        distance = np.linalg.norm(answers["joints_3d"], axis=-1)
        return answers | {"uncertainty": distance * (1.0 - scores)}


def lift(*found, model=None, source=SKELETON, **options):
    video, notes = lifting.lift_video(
        "walk",
        found or (track(),),
        model or Model(),
        source=source,
        target=SKELETON,
        options=lifting.Options(**options),
    )
    return video, "\n".join(notes)


def test_people_stay_apart_and_chunks_join(monkeypatch):
    monkeypatch.setattr(on_disk, "CHUNK", 8)
    model, seen = Model(), []
    video, _ = lifting.lift_video(
        "walk",
        [track(20), track(3, person=7, frames=[4, 5, 90])],
        model,
        source=SKELETON,
        target=SKELETON,
        options=lifting.Options(),
        progress=seen.append,
    )
    assert model.batches == seen == [8, 8, 4, 3]
    assert [p.number for p in video.people] == [0, 7]
    assert video.people[1].frame_index.tolist() == [4, 5, 90]
    assert (video.unit, video.image_size) == ("model", (1280.0, 720.0))
    joints = video.people[0].joints_3d[:]
    assert joints.shape == (20, 17, 3) and joints.dtype == np.float32
    assert np.linalg.norm(joints[0], axis=-1)[1:].mean() == pytest.approx(1.0)


@pytest.mark.parametrize("smooth", [None, "savgol", "one_euro"])
def test_a_long_video_on_disk_is_as_one_in_memory(smooth, monkeypatch):
    """Nothing depends on what is in memory at once."""
    given = track(60, frames=[*range(30), *range(34, 50), *range(90, 104)])
    noise = np.random.default_rng(0).normal(0.0, 3.0, (60, 17, 2))
    given.keypoints_2d[:] += noise
    given.scores[7:12, 4] = given.scores[3:30, 16] = 0.0
    given.scores[5] = 0.1
    given.scores[given.scores == 1.0] = 0.7
    options = {
        "smooth": smooth,
        "level": True,
        "height": 1.7,
        "model": Unsure(),
    }
    (whole,) = lift(given, **options)[0].people
    monkeypatch.setattr(on_disk, "CHUNK", 25)
    (person,) = lift(given, **options)[0].people
    assert isinstance(person.joints_3d, on_disk.Array)
    assert isinstance(person.uncertainty, on_disk.Array)
    assert isinstance(whole.joints_3d, np.ndarray)
    for field in dataclasses.fields(lifted.Person):
        np.testing.assert_allclose(
            getattr(person.part(slice(None)), field.name),
            getattr(whole, field.name),
            rtol=1e-5,
            atol=1e-5,
        )


def test_what_was_not_seen_is_nan():
    given = track(4)
    given.scores[1, 3] = 0.1  # below min_score
    given.scores[2, 0] = 0.0  # no root: not lifted
    given.scores[3] = 0.2  # nothing: no frame
    video, notes = lift(given)
    (person,) = video.people
    assert person.frame_index.tolist() == [0, 1, 2]
    assert not person.valid[1, 3] and person.valid[1].sum() == 16
    assert not person.valid[2].any()
    assert "1 of 3 poses could not be lifted (pelvis, or too" in notes
    assert np.isfinite(person.joints_3d).sum() == 3 * person.valid.sum()


def test_a_model_that_lifts_what_was_not_seen():
    given = track(3)
    given.scores[1, 3] = 0.0
    given.scores[2, 0] = 0.0  # no root: not lifted

    def model(keypoints_2d, scores):
        answers = Model()(keypoints_2d, scores)
        answers["joints_3d"][:, 3] = 0.5  # also where it was not seen
        return answers

    for lifts_missing in (False, True):
        video, notes = lift(given, model=model, lifts_missing=lifts_missing)
        (person,) = video.people
        assert person.valid[1, 3] == lifts_missing
        assert person.valid.sum(axis=1).tolist() == [17, 16 + lifts_missing, 0]
        assert person.scores[1, 3] == 0.0  # still says what was seen
        assert (
            "1 of 51 joints were not seen and are" in notes
        ) == lifts_missing


def test_a_root_that_was_not_seen_has_a_place_and_what_lies_on_it_has_none():
    given = track(3)
    given.scores[1, [0, 3]] = 0.0
    given.scores[2, 5] = 0.0

    def model(keypoints_2d, scores):
        everything = Model()(keypoints_2d, np.ones_like(scores))
        everything["joints_3d"][1, 3] = 0.0  # as if it had not learned it
        return everything

    video, notes = lift(given, model=model, lifts_missing=True)
    (person,) = video.people
    assert person.valid.sum(axis=1).tolist() == [17, 16, 17]
    assert not person.valid[1, 3]
    np.testing.assert_array_equal(person.joints_3d[1, 0], 0.0)
    np.testing.assert_array_equal(person.scores[1, [0, 3]], 0.0)
    assert "2 of 51 joints were not seen" in notes
    assert "could not be lifted" not in notes


def test_everybody_keeps_one_size():
    """The model divides by what it sees; the frames are one body again."""
    given = track(9)
    given.scores[4, [3, 6, 10]] = 0.0  # feet and head: the rest looks larger
    model = Model()
    raw = model(given.keypoints_2d, given.scores)["joints_3d"]
    video, _ = lift(given)
    (person,) = video.people
    assert np.abs(raw[4, 13] - raw[0, 13]).max() > 0.1
    np.testing.assert_allclose(
        person.joints_3d[4, 13], person.joints_3d[0, 13], rtol=0.03
    )
    np.testing.assert_allclose(
        np.where(
            person.valid[..., None],
            person.joints_3d * person.size[:, None, None],
            raw,
        ),
        raw,
        atol=1e-5,
    )


def test_a_height_gives_metres():
    video, _ = lift(height=1.9)
    assert video.unit == "m"
    found = body.stature(video.people[0].joints_3d, SKELETON)
    assert found == pytest.approx(1.9, rel=1e-5)
    np.testing.assert_allclose(
        video.people[0].joints_3d[0], BODY * 1.9 / STATURE, atol=1e-5
    )


def test_a_bone_gives_metres():
    video, _ = lift(bone=("right_knee", "right_ankle", 0.4))
    np.testing.assert_allclose(video.people[0].joints_3d[0], BODY, atol=1e-5)


def test_a_metric_model_gives_millimetres():
    video, _ = lift(model=Model(mm=1000.0))
    assert video.unit == "mm"
    np.testing.assert_allclose(
        video.people[0].joints_3d[3], 1000.0 * BODY, atol=1e-2
    )


@pytest.mark.parametrize(
    ("model", "unit", "options"),
    [
        (Unsure(), 1.0 / np.linalg.norm(BODY[1:], axis=-1).mean(), {}),
        (Unsure(mm=1000.0), 1000.0, {}),
        (Unsure(), 2.0, {"height": 2.0 * STATURE}),
        (
            Unsure(tilt=25.0),
            1.0,
            {
                "bone": ("right_knee", "right_ankle", 0.4),
                "level": True,
                "camera_pitch": 25.0,
                "smooth": "savgol",
            },
        ),
    ],
    ids=["model", "mm", "height", "bone, level and smooth"],
)
def test_uncertainty_has_the_unit_of_the_joints(model, unit, options):
    head, thorax = NAMES.index("head"), NAMES.index("thorax")
    given = track(20, frames=[*range(12), *range(14, 22)])
    given.scores[:] = 0.5
    given.scores[5, head] = 0.75
    given.scores[7, head] = 0.0
    given.scores[8, 0] = 0.0  # no root: not lifted
    (person,) = lift(given, model=model, **options)[0].people
    # They are 0.8 and 0.5 m from the root.
    heads = np.full(20, 0.4)
    heads[[5, 7, 8]] = 0.2, np.nan, np.nan
    thoraxes = np.full(20, 0.25)
    thoraxes[8] = np.nan
    found = person.uncertainty
    np.testing.assert_allclose(found[:, head], unit * heads, rtol=1e-5)
    np.testing.assert_allclose(found[:, thorax], unit * thoraxes, rtol=1e-5)
    np.testing.assert_array_equal(np.isnan(found), ~person.valid)


def test_uncertainty_is_of_all_frames_or_none(monkeypatch):
    """As of a server that goes to a model without it on the way, or with."""
    monkeypatch.setattr(on_disk, "CHUNK", 8)
    models = {True: Unsure(), False: Model()}
    for told, expected in (
        ([True, True, True, True], (True, True)),
        ([True, True, False, True], (False, True)),
        ([False, True, True, True], (False, True)),
        ([True, True, True, False], (True, False)),
    ):
        later = iter(told)
        video, _ = lift(
            track(20),
            track(3, person=7),
            model=lambda *inputs, later=later: models[next(later)](*inputs),
        )
        found = [p.uncertainty is not None for p in video.people]
        assert tuple(found) == expected
        assert video.tells_uncertainty == all(expected)


@pytest.mark.parametrize("pitch", [None, 25.0])
def test_leveling_turns_people_upright(pitch):
    model = Model(tilt=25.0)
    tilted, _ = lift(model=model, height=STATURE)
    assert np.abs(tilted.people[0].joints_3d[0] - BODY).max() > 0.2
    video, notes = lift(
        model=model, height=STATURE, level=True, camera_pitch=pitch
    )
    np.testing.assert_allclose(video.people[0].joints_3d[0], BODY, atol=1e-5)
    assert ("upright by 25.0 degrees" in notes) == (pitch is None)
    assert ("within 0.0 degrees of upright: good" in notes) == (pitch is None)
    assert video.axes.endswith("turned upright")


def test_an_unlikely_turn_is_called_so():
    _, notes = lift(model=Model(tilt=50.0), level=True)
    assert "turned upright by 50.0 degrees" in notes
    assert "DOUBTFUL (likely are up to 30 and 15)" in notes
    assert "give `--camera_pitch`" in notes


@pytest.mark.parametrize("method", ["savgol", "one_euro"])
def test_smoothing_tells_what_it_did(method):
    given = track(40)
    noise = np.random.default_rng(0).normal(0, 3, (40, 17, 2))
    given.keypoints_2d[:] += noise
    given.scores[5, 4] = 0.0
    video, notes = lift(given, smooth=method)
    lines = [line for line in notes.splitlines() if "acceleration" in line]
    assert len(lines) == 2 and "pixels per frame^2" in lines[0]
    assert "model units per frame^2" in lines[1]
    for line in lines:
        before, after = line.split(": ")[1].split(" per frame^2, smoothed ")
        assert float(after) < float(before.split()[0])
    assert not video.people[0].valid[5, 4]
    assert video.people[0].valid[6, 4]


def test_a_detectors_joints_are_mapped():
    source = skeletons.load("body_25b")
    points = np.zeros((2, 25, 2), np.float32)
    for j, name in enumerate(source.joints):
        known = {"head_top": "head"}.get(name, name)
        points[:, j] = STANDING.get(known, (0, 0, 0))[:2]
    given = dataclasses.replace(
        track(2),
        keypoints_2d=points * 400 + 500,
        scores=np.full((2, 25), 0.5, np.float32),
    )
    video, _ = lift(given, source=source, height=STATURE, model=Unsure())
    knee = NAMES.index("left_knee")
    np.testing.assert_allclose(
        video.people[0].joints_3d[0, knee], BODY[knee], atol=0.02
    )
    # In the model's joints: half of the distance from the root.
    assert video.people[0].uncertainty.shape == (2, 17)
    assert video.people[0].uncertainty[0, knee] == pytest.approx(
        0.5 * np.hypot(0.1, 0.5), abs=0.01
    )
    with pytest.raises(ValueError, match="No map from skeleton `body_25b`"):
        lifting.mapping(source, skeletons.load("mediapipe_33"))


def test_stills_are_left_as_they_are():
    found = [track(1, person=i, frames=[i], scale=100.0 + i) for i in range(3)]
    found[1] = dataclasses.replace(found[1], image_size=(64.0, 48.0))
    video, _ = lift(*found, stills=True)
    assert video.image_size is None
    for person in video.people:
        np.testing.assert_allclose(person.size, [1.0], rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fps": 0.0}, "`fps` must be above 0. Received: 0.0"),
        ({"height": -1.7}, "`height_m` must be above 0"),
        ({"min_score": 30}, "`min_score` must be from 0 to 1"),
        ({"smooth": "kalman"}, "Unknown smooth `kalman`. Known: one_euro"),
        ({"smooth": "savgol", "stills": True}, "cannot be smoothed"),
        ({"camera_pitch": 3.0}, "`camera_pitch` needs `level`"),
        ({"height": 1.8, "bone": ("a", "b", 1.0)}, "Only one of `height_m`"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        lifting.Options(**options)


@pytest.mark.parametrize(
    ("found", "options", "message"),
    [
        (track(0), {}, "at least `min_score` 0.3. Received: 1 people"),
        (track(), {"min_score": 1.0, "bone": ("hip", "head", 1)},
         "Unknown joint of `bone`: `hip`"),
    ],
)  # fmt: skip
def test_what_cannot_be_lifted(found, options, message):
    with pytest.raises(ValueError, match=message):
        lift(found, **options)


def test_who_cannot_be_measured_is_left_out():
    given = track(person=4)
    given.scores[:, NAMES.index("head")] = 0.0
    video, notes = lift(track(), given, height=1.8)
    assert [person.number for person in video.people] == [0]
    assert "person 4 is left out: A head, the shoulders and a whole" in notes
    with pytest.raises(ValueError, match="Nobody could be .*: head:nose, whi"):
        lift(given, bone=("head", "nose", 0.2))


def test_bones_are_parsed():
    assert lifting.parse_bone(None) is None
    assert lifting.parse_bone("a:b=0.42") == ("a", "b", 0.42)
    for text in ("a=0.4", "a:b", "a:b=x", "a:a=1"):
        with pytest.raises(ValueError, match="must be JOINT:JOINT=METRES"):
            lifting.parse_bone(text)


def test_every_unit_has_words():
    assert set(lifted.UNITS) == {"m", "mm", "model"}
