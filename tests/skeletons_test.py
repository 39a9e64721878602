import copy
import json
import re

import numpy as np
import pytest
import yaml

from tf_poselift import skeletons

HUMAN = skeletons.load("human36m_17")
COCO = skeletons.load("coco_17")
SMALL = {
    "name": "small",
    "joints": {"hip": None, "left": "hip", "right": "hip", "nose": "hip"},
    "pairs": [["left", "right"]],
}
FACING = ("back", "front", "right", "left")


def changed(**entries):
    return copy.deepcopy(SMALL) | entries


def test_names_are_the_files():
    assert skeletons.names() == [
        "aspset_17", "body_25", "body_25b", "coco_17", "coco_18",
        "deepmimic_16", "halpe_26", "human36m_16", "human36m_17",
        "humaneva_15", "lsp_14", "mediapipe_33", "mpi_inf_3dhp_17", "mpii_16",
        "smpl_24",
    ]  # fmt: skip


@pytest.mark.parametrize("name", skeletons.names())
def test_named_skeletons(name):
    skeleton = skeletons.load(name)
    assert skeleton.name == name
    assert skeleton.num_joints == int(re.search(r"_(\d+)b?$", name)[1])
    assert len(skeleton.bones) == skeleton.num_joints - 1
    flip = np.array(skeleton.flip)
    np.testing.assert_array_equal(flip[flip], range(skeleton.num_joints))
    assert set(skeleton.torso) & set(skeleton.legs) == set()
    has_pelvis = "pelvis" in skeleton.joints
    parts = len(skeleton.torso) + len(skeleton.legs) + has_pelvis
    assert parts == skeleton.num_joints
    root = ["pelvis"] if has_pelvis else ["left_hip", "right_hip"]
    assert [skeleton.joints[j] for j in skeleton.root] == root


@pytest.mark.parametrize("name", skeletons.names())
def test_left_and_right_by_their_names(name):
    skeleton = skeletons.load(name)
    joints = skeleton.joints
    sides = {j for j in joints if j.startswith(("left_", "right_"))}
    assert {joints[j] for pair in skeleton.pairs for j in pair} == sides
    for left, right in skeleton.pairs:
        assert joints[left].replace("left_", "right_") == joints[right]
        assert joints[left].startswith("left_")
    assert len(skeleton.symmetric_bones) == len(skeleton.pairs)
    lower = ("hip", "knee", "ankle", "foot", "toe", "heel")
    legs = {j for j in sides if any(word in j for word in lower)}
    assert {joints[j] for j in skeleton.legs} == legs
    faces = {"nose", "chin"} & set(joints)
    assert (skeleton.facing is not None) == bool(faces)


def test_maps_keep_the_sides_and_the_height():
    """Left comes from the left, right from the right, the middle from both."""
    count = 0
    for source in map(skeletons.load, skeletons.names()):
        for target in source.maps:
            matrix = skeletons.mapping(source, skeletons.load(target))
            count += 1
            for joint, row in zip(
                skeletons.load(target).joints, matrix, strict=True
            ):
                used = [source.joints[j] for j in np.flatnonzero(row)]
                side = joint.split("_")[0]
                if side in ("left", "right"):
                    assert all(name.startswith(f"{side}_") for name in used)
                lefts = sum(
                    w
                    for w, n in zip(row[row != 0], used, strict=True)
                    if "left_" in n
                )
                rights = sum(
                    w
                    for w, n in zip(row[row != 0], used, strict=True)
                    if "right_" in n
                )
                if side not in ("left", "right"):
                    assert lefts == pytest.approx(rights), (source.name, joint)
    assert count >= 30


@pytest.mark.parametrize(
    "name", ["mpii_16", "mpi_inf_3dhp_17", "aspset_17", "humaneva_15", "lsp_14"]
)
def test_a_map_there_and_back_keeps_the_joints(name):
    there = skeletons.mapping(HUMAN, skeletons.load(name))
    back = skeletons.mapping(skeletons.load(name), HUMAN)
    limbs = [j for j, n in enumerate(HUMAN.joints) if "_" in n]
    round_trip = (back @ there)[limbs]
    np.testing.assert_allclose(round_trip, np.eye(17)[limbs], atol=1e-6)
    top = HUMAN.joints.index("head")
    np.testing.assert_allclose((back @ there)[top], np.eye(17)[top])


@pytest.mark.parametrize("name", ["mpi_inf_3dhp_17", "aspset_17"])
def test_the_seventeen_joints_come_back_whole(name):
    there = skeletons.mapping(HUMAN, skeletons.load(name))
    back = skeletons.mapping(skeletons.load(name), HUMAN)
    np.testing.assert_array_equal(back @ there, np.eye(17))


def test_human36m_17_is_in_the_order_of_the_papers():
    joints = " ".join(HUMAN.joints)
    assert joints == (
        "pelvis right_hip right_knee right_ankle left_hip left_knee left_ankle "
        "spine thorax nose head left_shoulder left_elbow left_wrist "
        "right_shoulder right_elbow right_wrist"
    )
    assert HUMAN.parents == (
        -1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15
    )  # fmt: skip
    assert HUMAN.flip == (
        0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13
    )  # fmt: skip


def test_symmetric_bones_are_mirror_images():
    for left, right in HUMAN.symmetric_bones:
        mirrored = tuple(HUMAN.flip[joint] for joint in HUMAN.bones[left])
        assert mirrored == HUMAN.bones[right]
    children = {
        HUMAN.joints[HUMAN.bones[i][1]] for i, _ in HUMAN.symmetric_bones
    }
    assert "left_knee" in children
    assert "right_knee" not in children


def test_coco_17_is_in_the_order_of_coco():
    joints = " ".join(COCO.joints)
    assert joints == (
        "nose left_eye right_eye left_ear right_ear left_shoulder "
        "right_shoulder left_elbow right_elbow left_wrist right_wrist left_hip "
        "right_hip left_knee right_knee left_ankle right_ankle"
    )


def test_facing_rule():
    assert HUMAN.facing == skeletons.Facing((8,), (9,), (14,), (11,))
    assert HUMAN.facing.joints == (8, 9, 14, 11)
    assert COCO.facing == skeletons.Facing((5, 6), (0,), (6,), (5,))
    assert set(COCO.facing.joints) == {0, 5, 6}


def test_one_joint_of_the_facing_rule_is_written_without_a_list():
    assert HUMAN.to_dict()["facing"]["back"] == "thorax"
    assert COCO.to_dict()["facing"] == {
        "back": ["left_shoulder", "right_shoulder"],
        "front": "nose",
        "right": "right_shoulder",
        "left": "left_shoulder",
    }


@pytest.mark.parametrize("name", skeletons.names())
def test_dict_and_back(name):
    skeleton = skeletons.load(name)
    entries = json.loads(json.dumps(skeleton.to_dict()))
    back = skeletons.from_dict(entries)
    assert back == skeleton
    assert back.maps == skeleton.maps


def test_defaults():
    skeleton = skeletons.from_dict(SMALL)
    assert skeleton.root == (0,)
    assert skeleton.head is None
    assert skeleton.facing is None
    assert skeleton.legs == ()
    assert skeleton.torso == (1, 2, 3)


def test_one_name_stands_for_a_list_and_nothing_for_the_default():
    skeleton = skeletons.from_dict(changed(root="left", legs="right"))
    assert (skeleton.root, skeleton.legs) == ((1,), (2,))
    empty = dict.fromkeys(("pairs", "root", "head", "legs", "facing", "maps"))
    assert skeletons.from_dict(changed(**empty)).root == (0,)


def test_a_virtual_root_is_the_mean_of_joints_that_stay_in_the_torso():
    skeleton = skeletons.from_dict(changed(root=["left", "right"]))
    assert skeleton.root == (1, 2)
    assert skeleton.torso == (0, 1, 2, 3)


def test_a_file_of_the_user(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(SMALL, sort_keys=False))
    assert skeletons.load(str(path)) == skeletons.from_dict(SMALL)
    path.write_text(yaml.safe_dump(changed(name="edited"), sort_keys=False))
    assert skeletons.load(str(path)).name == "edited"


def test_unknown_names_and_files(tmp_path):
    with pytest.raises(
        ValueError, match="Unknown skeleton `smpl`. Known: aspset"
    ):
        skeletons.load("smpl")
    with pytest.raises(FileNotFoundError, match="No skeleton file at /no.yaml"):
        skeletons.load("/no.yaml")
    path = tmp_path / "bad.yaml"
    path.write_text("joints: {a: [")
    with pytest.raises(ValueError, match="bad.yaml is not valid YAML"):
        skeletons.load(str(path))
    path.write_bytes(b"\xff")
    with pytest.raises(ValueError, match="bad.yaml is not valid YAML"):
        skeletons.load(str(path))


@pytest.mark.parametrize(
    "entries, message",
    [
        ([], "must have the entries `name` and `joints`"),
        ({"name": "x"}, "must have the entries `name` and `joints`"),
        (changed(name=None), "`name` must be text.* Received: None"),
        (changed(joints=["a"]), r"`joints` must be {joint: its parent, null"),
        (changed(joints={}), r"exactly one joint must have no parent"),
        (changed(joints={1: None}), "names are text .quote 1 or no.. Received"),
        (changed(joints={"a": 1}), "`joints` must be .* Received: {'a': 1}"),
        (changed(colour=1, **{"x": 2}) | {3: 4}, "unknown entry `colour`"),
        (changed(colour=1), "unknown entry `colour`. Known: facing, head"),
        (
            changed(joints={"a": "b"}, pairs=[]),
            "`joints` names `b`, which is no joint. Joints: a",
        ),
        (
            changed(joints={"a": None, "b": None}, pairs=[]),
            r"exactly one joint must have no parent. Received: \['a', 'b'\]",
        ),
        (
            changed(joints={"a": None, "b": "c", "c": "b"}, pairs=[]),
            "the parents of `b` form a cycle",
        ),
        (changed(pairs=[["left", "arm"]]), "`pairs` names `arm`"),
        *(
            (changed(pairs=pairs), r"`pairs` must be a list of \[left, right\]")
            for pairs in (3, 0, "left", ["left"], [["left"]], [[1, 2]])
        ),
        (
            changed(pairs=[["left", "right"], ["left", "nose"]]),
            r"`pairs` names \['left'\] more than once",
        ),
        (
            changed(
                joints=SMALL["joints"] | {"hand": "left"},
                pairs=[["hand", "right"]],
            ),
            "parents of the pair `hand`, `right` must be a pair or one joint",
        ),
        (changed(root=["pelvis"]), "`root` names `pelvis`"),
        (changed(root="pelvis"), "`root` names `pelvis`"),
        (changed(root=["left", "left"]), "`root` names a joint twice"),
        (changed(legs=["left", "left"]), "`legs` names a joint twice"),
        (changed(root=0), "`root` must be a joint or a list of joints"),
        (changed(legs={"left": 1}), "`legs` must be a joint or a list of join"),
        (changed(head=["nose"]), "`head` must be a joint"),
        (changed(head="top"), "`head` names `top`"),
        (changed(legs=["leg"]), "`legs` names `leg`"),
        (
            changed(facing={"back": "hip"}),
            "`facing` must have a joint or several for back, front, right, "
            "left. Received: {'back': 'hip'}",
        ),
        *(
            (
                changed(facing=dict.fromkeys(FACING, "hip") | {"back": back}),
                f"`facing` {message}",
            )
            for back, message in (
                ([], "must have a joint or several for back"),
                ("", "must have a joint or several for back"),
                (["knee"], "names `knee`"),
                (["hip", "hip"], "names a joint twice"),
                (3, "must be {each of .*: a joint or a list of joints}; names"),
            )
        ),
        (changed(facing=3), "`facing` must be .* Received: 3"),
        *(
            (changed(maps=maps), "`maps` must be {skeleton: .* Received: ")
            for maps in (
                3,
                ["x"],
                {"x": ["a"]},
                {"x": {"y": 3}},
                {"x": {"y": {"hip": "1"}}},
                {1: {"y": "hip"}},
            )
        ),
        (
            changed(maps={"x": {"y": {"hip": float("nan")}}}),
            "the weights of `y` in `maps` must sum to 1",
        ),
        (
            changed(maps={"other": {"a": "knee"}}),
            "`maps` names `knee`, which is no joint",
        ),
        (
            changed(maps={"other": {"a": {"hip": 0.5, "knee": 0.5}}}),
            "`maps` names `knee`, which is no joint",
        ),
        (
            changed(maps={"other": {"a": {"hip": 0.5, "nose": 0.25}}}),
            "the weights of `a` in `maps` must sum to 1",
        ),
    ],
)
def test_refusals_name_the_file(entries, message):
    with pytest.raises(ValueError, match="mine.yaml: .*" + message):
        skeletons.from_dict(entries, where="mine.yaml")


def test_mapping_by_name_by_entry_and_by_weights():
    source = skeletons.from_dict(
        changed(maps={"target": {"middle": {"left": 0.5, "right": 0.5}}})
    )
    target = skeletons.from_dict(
        {"name": "target", "joints": {"nose": None, "middle": "nose"}}
    )
    matrix = skeletons.mapping(source, target)
    np.testing.assert_array_equal(matrix, [[0, 0, 0, 1], [0, 0.5, 0.5, 0]])

    points = np.array([[0, 0], [2, 4], [4, 8], [7, 7]], np.float32)
    scores = np.array([1, 0.9, 0.2, 0.5], np.float32)
    mapped, mapped_scores = skeletons.map_points(points, scores, matrix)
    np.testing.assert_array_equal(mapped, [[7, 7], [3, 6]])
    np.testing.assert_allclose(mapped_scores, [0.5, 0.2])
    assert mapped_scores.dtype == np.float32


def test_maps_of_the_named_skeletons_are_complete():
    deepmimic = skeletons.load("deepmimic_16")
    short = skeletons.load("human36m_16")
    for source, target in (
        (deepmimic, HUMAN),
        (deepmimic, short),
        (HUMAN, short),
        (HUMAN, deepmimic),
        (COCO, HUMAN),
        (COCO, short),
    ):
        matrix = skeletons.mapping(source, target)
        assert matrix.shape == (target.num_joints, source.num_joints)
        np.testing.assert_array_equal(matrix.sum(axis=1), 1.0)


def test_coco_maps_to_human36m_with_left_on_the_left():
    matrix = skeletons.mapping(COCO, HUMAN)
    # A person seen from behind: left on the left, the middle at x = 0; y is
    # the height.
    x = [[0], [-1], [1]] + [[-2], [2]] * 7
    y = [[9], [10], [10]] + [[h] for h in (9, 8, 6, 4, 4, 2, 0) for _ in "lr"]
    points = np.concatenate([x, y], axis=1).astype(np.float32)
    mapped, _ = skeletons.map_points(points, np.ones(17, np.float32), matrix)
    named = dict(zip(HUMAN.joints, mapped.tolist(), strict=True))
    for joint, (at, _) in named.items():
        side = {"left": -2, "right": 2}.get(joint.split("_")[0], 0)
        assert at == side, joint
    middle = ("pelvis", "spine", "thorax", "nose", "head")
    assert [named[joint][1] for joint in middle] == [4, 6, 8, 9, 10]
    legs = ("left_hip", "left_knee", "left_ankle")
    assert [named[joint][1] for joint in legs] == [4, 2, 0]
    arms = ("right_shoulder", "right_elbow", "right_wrist")
    assert [named[joint][1] for joint in arms] == [8, 6, 4]


def test_a_joint_that_the_source_cannot_give_is_named():
    with pytest.raises(
        ValueError,
        match="No map from skeleton `human36m_16` to `human36m_17` for nose. "
        "Add them under `maps` of `human36m_16`",
    ):
        skeletons.mapping(skeletons.load("human36m_16"), HUMAN)
