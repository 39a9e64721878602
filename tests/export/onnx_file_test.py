import numpy as np
import pytest

from tf_poselift import methods
from tf_poselift import skeletons
from tf_poselift.export import onnx_file
from tf_poselift.export import signatures

for package in onnx_file.PACKAGES:
    pytest.importorskip(package, reason="needs the extra `edge`")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Paths with weights of 32 and of 8 bits, and an example's inputs."""
    kudo2018 = methods.load("kudo2018")
    skeleton = skeletons.load("human36m_17")
    # Initial weights as large as to matter.
    config = kudo2018.Config(width=256, initial_stddev=0.1)
    signature = signatures.serving_default(kudo2018.Method(skeleton, config))
    folder = tmp_path_factory.mktemp("files")
    content = onnx_file.convert(signature)
    (folder / "float.onnx").write_bytes(content)
    (folder / "int8.onnx").write_bytes(onnx_file.quantize(content))
    return (
        folder / "float.onnx",
        folder / "int8.onnx",
        signature.examples(64),
    )


def _joints(path, inputs):
    model = onnx_file.Model(path, threads=1)
    return model.run("serving_default", inputs)["joints_3d"]


def test_eight_bits_answer_nearly_as_32_do(files):
    float32, int8, inputs = files
    right = _joints(float32, inputs)
    off = np.abs(_joints(int8, inputs) - right)
    assert 0.0 < off.max() < 0.05
    assert off.mean() < 0.01
    # Two matrices of 256 x 256 of four shrink to a quarter.
    saved = 0.75 * 2 * 256 * 256 * 4
    shrunk = float32.stat().st_size - int8.stat().st_size
    assert shrunk == pytest.approx(saved, rel=0.05)


def test_a_pose_is_answered_alike_alone_and_beside_others(files):
    _, int8, inputs = files
    far = {name: value.copy() for name, value in inputs.items()}
    far["keypoints_2d"][1:] *= 1e6
    alone = {name: value[:1] for name, value in inputs.items()}
    joints = _joints(int8, alone)[0]
    for others in (inputs, far):
        np.testing.assert_allclose(_joints(int8, others)[0], joints, atol=1e-5)


def test_only_the_large_products_are_of_eight_bits(files):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(files[1])
    kinds = [n.op_type for n in model.graph.node if "MatMul" in n.op_type]
    assert kinds == ["MatMul", "MatMulNBits", "MatMulNBits", "MatMul"]
