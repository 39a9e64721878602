"""What a stranger must know about a served model, as one JSON file."""

import importlib.metadata
import inspect
import json
import pathlib
import sys
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import tf_poselift
from tf_poselift.export import signatures
from tf_poselift.training import run_folder

FILE = "model_card.json"
# Entry: joints of score 0 are lifted from the others where these are enough;
# one that lies at exactly 0 and is not the root has no place all the same.
# Without it none of them means anything.
LIFTS_MISSING = "lifts_missing_joints"

# What `trainers/evaluate.py` leaves in a run folder, and what the card takes.
_RESULTS = "evaluation/*/results.json"
_RESULTS_ENTRIES = (
    "dataset",
    "split",
    "noise",
    "poses",
    "weights",
    "overall",
    "commit",
)


def describe_method(method) -> dict[str, Any]:
    """Returns what a method (`methods.base.PoseLifter`) says of itself."""
    module = sys.modules[type(method).__module__]
    card = {
        "method": module.__name__.rpartition(".")[2],
        "about": inspect.getdoc(module) or "",
        "numbers_from_3d": list(method.prior_card),
        "skeleton": method.skeleton.to_dict(),
    }
    if method.calibrated:
        card["intrinsics"] = {
            "calibrated": "those of the request",
            "serving_default": "the mean of the training cameras",
            "mean": np.asarray(method.statistics["intrinsics"]).tolist(),
        }
    if method.uncertainty_lifts:
        card["uncertainty"] = {"lifts": method.uncertainty_lifts}
    return card


def describe_run(run: run_folder.Run) -> dict[str, Any]:
    """Returns how a model was trained and how good it was found to be.

    Only evaluations of the run's own step count; the folder may hold others.
    """
    results = []
    for path in sorted(pathlib.Path(run.workdir).glob(_RESULTS)):
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.get("step") == run.step:
            results.append(
                {k: v for k, v in content.items() if k in _RESULTS_ENTRIES}
            )
    filled = (run.settings.get("config") or {}).get("joint_drop", 0.0)
    dropped = (run.settings.get("noise") or {}).get("missing", 0.0)
    # The skeleton is an entry of the card itself.
    settings = {k: v for k, v in run.settings.items() if k != "skeleton"}
    weights = "averaged" if run.averaged else "last"
    return {
        "training": {"step": run.step, "weights": weights} | settings,
        # Trained without the joints that it misses, it knows no better.
        LIFTS_MISSING: bool(filled)
        or (bool(dropped) and _lifts_missing(run.method)),
        "results": results,
    }


def _lifts_missing(method) -> bool:
    """Whether joints that were not seen get a place at all.

    A method that only adds depths to the keypoints has none for them.
    """
    joints = method.skeleton.num_joints
    missing = next(j for j in range(joints) if j not in method.skeleton.root)
    generator = np.random.default_rng(0)
    keypoints_2d = generator.normal(500.0, 100.0, (8, joints, 2))
    scores = np.ones((8, joints), np.float32)
    scores[:, missing] = 0.0
    answers = method.serve(
        tf.constant(keypoints_2d, tf.float32), tf.constant(scores)
    )
    return bool(np.any(answers["joints_3d"][:, missing]))


def describe_signatures(
    served: Iterable[signatures.Signature], *, packages: Sequence[str] = ()
) -> dict[str, Any]:
    """Returns what is served, and what wrote it.

    Args:
      served: names, types, shapes and meanings of these.
      packages: whose versions are told besides TensorFlow's and Keras's.
    """
    return {
        "signatures": {s.name: s.table() for s in served},
        "versions": {
            "tf_poselift": tf_poselift.__version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        }
        | {name: importlib.metadata.version(name) for name in packages},
        "commit": run_folder.commit(),
    }


def write(version_dir: pathlib.Path, card: dict[str, Any]) -> None:
    """Writes the card beside saved_model.pb; a server reads past it."""
    text = json.dumps(card, indent=2, ensure_ascii=False)
    (version_dir / FILE).write_text(text + "\n", encoding="utf-8")


def read(version_dir: str | pathlib.Path) -> dict[str, Any]:
    """Returns the card of a version folder."""
    path = pathlib.Path(version_dir) / FILE
    return json.loads(path.read_text(encoding="utf-8"))
