import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tf_poselift import methods
from tf_poselift import skeletons
from tf_poselift.data import synthetic
from tf_poselift.export import litert
from tf_poselift.export import model_card
from tf_poselift.export import onnx_file
from tf_poselift.export import portable
from tf_poselift.export import signatures

pytest.importorskip("ai_edge_litert", reason="needs the extra `edge`")
pytest.importorskip("tf2onnx", reason="needs the extra `edge`")
pytest.importorskip("onnxruntime", reason="needs the extra `edge`")

KINDS = ("litert", "onnx")


@pytest.fixture(scope="module", params=KINDS)
def exported(request, kept_toy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "lifter"
    return portable.export(kept_toy, folder, request.param, card={"more": 1})


def test_publishes_one_whole_folder(exported):
    kind, _, version = exported.name.partition("-")
    files = {
        "litert": {"model.tflite", "model_int8.tflite"},
        "onnx": {"serving_default.onnx", "serving_default_int8.onnx"},
    }[kind]
    assert version == "1"
    assert {p.name for p in exported.iterdir()} == files | {model_card.FILE}
    assert [p.name for p in exported.parent.iterdir()] == [exported.name]


def test_card_says_how_far_each_file_is_off(exported):
    card = model_card.read(exported)
    kind = exported.name.partition("-")[0]
    assert (card["model"], card["format"], card["more"]) == ("lifter", kind, 1)
    assert "commit" in card
    for name, file in card["files"].items():
        assert file["bytes"] == (exported / name).stat().st_size
        assert file["weights"] == ("int8" if "int8" in name else "float32")
        assert file["largest_difference"] <= file["tolerance"]
        if "int8" not in name:
            assert file["largest_difference"] < 1e-5
    want = {"litert": "ai-edge-litert", "onnx": "onnxruntime"}[kind]
    assert want in card["versions"]


@pytest.mark.parametrize("batch", [1, 3, 9, 70])
def test_any_batch_is_answered_as_by_the_method(exported, kept_toy, batch):
    for path in exported.glob("*.*"):
        if path.suffix == ".json":
            continue
        tolerance = 0.1 if "int8" in path.name else 1e-5
        module = litert if path.suffix == litert.SUFFIX else onnx_file
        model = module.Model(path, threads=1)
        file = model_card.read(exported)["files"][path.name]
        for signature in signatures.for_method(kept_toy):
            if signature.name not in file["signatures"]:
                continue
            inputs = signature.examples(batch)
            right = signature.function(**inputs)
            answers = model.run(signature.name, inputs)
            assert answers["valid"].dtype == bool
            for name, value in right.items():
                np.testing.assert_allclose(
                    np.float32(answers[name]),
                    np.float32(value),
                    atol=tolerance,
                )


def test_litert_has_every_signature_of_numbers(kept_toy, tmp_path):
    path = portable.export(kept_toy, tmp_path, "litert")
    assert list(model_card.read(path)["signatures"]) == [
        "serving_default",
        "normalized",
        "from_coco_17",
        "from_body_25",
        "from_mediapipe_33",
    ]


def test_versions_of_a_format_count_by_themselves(kept_toy, tmp_path):
    (tmp_path / "7").mkdir()
    (tmp_path / "litert-3").mkdir()
    assert portable.export(kept_toy, tmp_path, "onnx").name == "onnx-1"
    with pytest.raises(ValueError, match=r"Received: 3; there: \[3\]"):
        portable.export(kept_toy, tmp_path, "litert", version=3)
    names = {p.name for p in tmp_path.iterdir()}
    assert names == {"7", "litert-3", "onnx-1"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_answers_otherwise_is_not_published(
    kept_toy, tmp_path, kind, monkeypatch
):
    module = portable.FORMATS[kind]

    class Wrong(module.Model):
        def run(self, signature, inputs):
            answers = super().run(signature, inputs)
            return answers | {"joints_3d": answers["joints_3d"] + 0.3}

    monkeypatch.setattr(module, "Model", Wrong)
    with pytest.raises(ValueError, match="must answer as the method does"):
        portable.export(kept_toy, tmp_path, kind)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", methods.names())
def test_every_method_can_be_written(name, kind, tmp_path):
    module = methods.load(name)
    skeleton = skeletons.load("human36m_17")
    table = synthetic.table(skeleton, clips=4, frames=20, views=4)
    config = module.Config(width=16, joint_drop=0.1)
    statistics = getattr(module, "statistics", lambda *_: {})(table, config)
    method = module.Method(skeleton, config, statistics=statistics)
    # Without a bias it fills nothing in.
    bias = method.networks["completion"].last.bias
    bias.assign(tf.fill(bias.shape, 0.1))
    path = portable.export(method, tmp_path, kind)
    has_camera = "calibrated" in model_card.read(path)["signatures"]
    assert has_camera == method.calibrated


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_package_is_named_with_the_command(kind, monkeypatch):
    package = portable.FORMATS[kind].PACKAGES[-1]
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r"pip install -e '\.\[edge\]'"):
        portable.require(kind)


def test_nothing_heavy_is_imported_before_it_is_asked_for():
    code = (
        "import sys; from tf_poselift.export import portable; "
        "print({'onnx', 'onnxruntime', 'tf2onnx', 'ai_edge_litert'}"
        " & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=pathlib.Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "set()", done.stderr
