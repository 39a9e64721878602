"""From motion capture to served 3D poses, in one command.

Builds the `deepmimic` records, trains `kudo2018` from 2D alone, evaluates it
on clips that it never saw, exports version 1, serves it with the development
server and lifts the test keypoints through REST and gRPC. Each step is a
command of its own, shown before it runs; what is there already is reused.
"""

import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time

import numpy as np
from absl import app
from absl import flags
from absl import logging

ROOT = pathlib.Path(__file__).resolve().parents[1]
_OUT = flags.DEFINE_string("out", "runs/quickstart", "Folder for all output.")
_STEPS = flags.DEFINE_integer("steps", 2400, "Updates.", 1)
_SHOWN = 5  # poses in the picture
_METRICS = ("pa_mpjpe", "pa_mpjpe_reflect", "n_mpjpe", "mirror_rate")


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments: {' '.join(argv[1:])}.")
    os.chdir(ROOT)
    logging.set_verbosity(logging.WARNING)
    out = pathlib.Path(_OUT.value)
    data, run, model = out / "data", out / "run", out / "model"
    source = ["--dataset=deepmimic", f"--data_dir={data}"]
    seconds = {}

    def step(name: str, script: str, *arguments: str, done=None) -> None:
        if done is not None and done.exists():
            print(f"\n== {name}: reusing {done}")
            return
        start = time.monotonic()
        command = [sys.executable, script, *arguments]
        print(
            f"\n== {name}: {shlex.join(['python', *command[1:]])}", flush=True
        )
        result = subprocess.run(command)
        if result.returncode:
            sys.exit(f"error: {name} ended with code {result.returncode}")
        seconds[name] = round(time.monotonic() - start, 1)

    prepared = next(data.glob("deepmimic/*/features.json"), data / "none")
    step("build", "datasets/build.py", *source, done=prepared)
    step(
        "train",
        "trainers/train.py",
        "--method=kudo2018",
        *source,
        f"--workdir={run}",
        f"--steps={_STEPS.value}",
        "--batch_size=256",
        "--save_every=800",
        "--config=average_decay=0.995",
    )
    step("evaluate", "trainers/evaluate.py", f"--workdir={run}", *source)
    results = json.loads(
        (run / "evaluation/deepmimic-test/results.json").read_text("utf-8")
    )
    step(
        "export",
        "serving/export.py",
        f"--workdir={run}",
        f"--model_dir={model}",
        done=exported(model, results["step"]),
    )
    start = time.monotonic()
    answers = serve(model, run, data, out / "skeletons.png")
    seconds["serve"] = round(time.monotonic() - start, 1)
    report = {
        "ours": results["overall"],
        "floor": results["floor"],
        "served": answers,
        "seconds": seconds,
    }
    temporary = out / "report.json.part"
    temporary.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    temporary.replace(out / "report.json")
    show(report, out, model, run)


def exported(model: pathlib.Path, trained: int) -> pathlib.Path | None:
    """Returns the newest version if it is of this step of training."""
    versions = [v for v in model.glob("*") if v.name.isdigit()]
    newest = max(versions, key=lambda v: int(v.name), default=None)
    if newest is None:
        return None
    card = json.loads((newest / "model_card.json").read_text("utf-8"))
    return newest if card["training"]["step"] == trained else None


def serve(model, run, data, picture) -> dict[str, float]:
    """Lifts the test keypoints through the server and checks the answers."""
    print("\n== serve: python serving/server.py", flush=True)
    # TensorFlow is needed from here on only.
    import tensorflow as tf

    from tf_poselift import schema
    from tf_poselift.data import reader
    from tf_poselift.training import run_folder
    from tf_poselift.visualization import skeleton_plots

    sys.path.insert(0, str(ROOT / "serving"))
    import client as client_lib

    table = reader.read("deepmimic", "test", str(data))
    rows = np.arange(0, table.num_rows, max(1, table.num_rows // 256))
    keypoints, scores = table.keypoints_2d[rows, 0], table.scores[rows, 0]
    method = run_folder.load(run).method
    with tf.device("CPU:0"):  # as the server; a GPU rounds differently
        expected = method.serve(keypoints, scores)["joints_3d"].numpy()
    server = subprocess.Popen(
        [
            sys.executable,
            "serving/server.py",
            "--model_name=lifter",
            f"--model_base_path={model.resolve()}",
            "--port=0",
            "--rest_api_port=0",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    answers = {}
    try:
        line = next((x for x in server.stdout if x.startswith("serving ")), "")
        print(line, end="", flush=True)
        addresses = re.search(r"REST (http://\S+) gRPC (\S+)", line)
        if addresses is None:
            sys.exit("error: the development server did not start")
        for kind, address in zip(
            ("rest", "grpc"), addresses.groups(), strict=True
        ):
            client = client_lib.Client(**{kind: address}, model="lifter")
            served = client.lift(keypoints, scores)
            answers[kind] = float(np.abs(served["joints_3d"] - expected).max())
            if not answers[kind] <= 1e-4 or not served["valid"].all():
                sys.exit(f"error: {kind} differs from the model: {answers}")
            print(
                f"{kind}: {len(rows)} poses lifted, at most "
                f"{answers[kind]:.1e} from the model"
            )
    finally:
        server.terminate()
        server.wait(timeout=30)
    shown = np.linspace(0, len(rows) - 1, _SHOWN).astype(int)
    truth = table.joints_3d[rows[shown], 0]
    figure = skeleton_plots.comparison_figure(
        table.skeleton,
        keypoints_2d=keypoints[shown],
        scores=scores[shown],
        predicted=served[schema.JOINTS_3D][shown],
        truth=truth - truth[:, list(table.skeleton.root)].mean(1)[:, None],
    )
    skeleton_plots.save(figure, picture)
    return answers


def show(report, out, model, run) -> None:
    print(f"\n{'on clips never seen':22}{'ours':>9}{'floor':>9}")
    for name in _METRICS:
        ours, floor = report["ours"][name], report["floor"][name]
        unit = "" if name == "mirror_rate" else " mm"
        print(f"{name + unit:22}{ours:9.2f}{floor:9.2f}")
    print(f"\nWritten to {out}: report.json, skeletons.png. Try next:")
    python = shlex.quote(os.path.relpath(sys.executable))
    print(f"  {python} trainers/train.py --list --data_dir={out / 'data'}")
    print(f"  {python} -m tensorboard.main --logdir={run / 'tensorboard'}")
    print(
        f"  {python} serving/server.py --model_name=lifter "
        f"--model_base_path={model.resolve()}"
    )


if __name__ == "__main__":
    app.run(main)
