"""Installs `tf_poselift`; the folders of entry points stay in the checkout."""

import pathlib

import setuptools

ROOT = pathlib.Path(__file__).parent

setuptools.setup(
    name="tf_poselift",
    version="0.1.0",
    description="Learn 3D human pose from 2D keypoints alone, in TensorFlow.",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.12",
    packages=setuptools.find_packages(include=["tf_poselift*"]),
    package_data={"tf_poselift": ["**/*.yaml", "**/*.json"]},
    install_requires=[
        "absl-py>=2.5,<3",
        "keras>=3.15,<3.16",
        "matplotlib>=3.11,<4",
        "numpy>=2.4,<3",
        "pyyaml>=6,<7",
        "scipy>=1.17,<2",
        # TensorFlow 2.21 no longer brings TensorBoard; its summary writer
        # needs it.
        "tensorboard>=2.21,<2.22",
        "tensorflow>=2.21,<2.22",
        "tensorflow-datasets>=4.9.10,<4.10",
        "tensorflow-graphics==2021.12.3",
        "tqdm>=4.70,<5",
    ],
    extras_require={
        # The motion clips of the quickstart ship in this wheel.
        "quickstart": ["pybullet>=3.2.6,<3.3"],
        # `tfds build PATH`; `python datasets/build.py` needs none of these.
        "build": [
            "apache-beam>=2.77,<3",
            "importlib_resources>=7,<8",
            "mlcroissant>=1.1,<2",
        ],
        # Readers of the formats of Human3.6M (CDF) and ASPset-510 (C3D).
        "formats": ["c3d>=0.6,<0.7", "cdflib>=1.3.16,<2"],
        # `serving/export.py --format=litert|onnx`; for `trainers/benchmark.py
        # --what=serve` beside "serving".
        "edge": [
            "ai-edge-litert>=2.3,<2.4",
            "onnx>=1.23,<2",
            "onnx-ir>=1.1,<2",
            "onnxruntime>=1.31,<2",
            "tf2onnx>=1.17,<1.18",
        ],
        # `serving/predict.py --render=FILE.mp4` (brings ffmpeg) and `.html`.
        "video": ["imageio-ffmpeg>=0.8,<0.9", "plotly>=7.1,<8"],
        "serving": ["grpcio>=1.85,<2", "tensorflow-serving-api>=2.21,<2.22"],
        "test": [
            "c3d>=0.6,<0.7",
            "cdflib>=1.3.16,<2",
            "dill>=0.4,<1",
            "hypothesis>=6.170,<7",
            "imageio-ffmpeg>=0.8,<0.9",
            "importlib_resources>=7,<8",
            "plotly>=7.1,<8",
            "pytest>=9,<10",
            "pytest-xdist>=3.8,<4",
            "ruff>=0.17,<0.18",
        ],
    },
)
