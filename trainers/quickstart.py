"""From motion capture to served 3D poses, in one command.

Builds the `deepmimic` records, trains `kudo2018` from 2D alone, evaluates it
on clips that it never saw, exports version 1, serves it with the development
server and lifts the test keypoints through REST and gRPC. Each step is a
command of its own, shown before it runs; what is there already is reused.
"""

import contextlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator

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
    prepared = next(data.glob("deepmimic/*/features.json"), data / "none")
    seconds |= step("build", "datasets/build.py", *source, done=prepared)
    seconds |= step(
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
    seconds |= step(
        "evaluate", "trainers/evaluate.py", f"--workdir={run}", *source
    )
    results = json.loads(
        (run / "evaluation/deepmimic-test/results.json").read_text("utf-8")
    )
    seconds |= step(
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


def step(
    name: str, script: str, *arguments: str, done: pathlib.Path | None = None
) -> dict[str, float]:
    """Runs a script and returns {name: seconds}; {} if `done` is there."""
    if done is not None and done.exists():
        print(f"\n== {name}: reusing {done}")
        return {}
    start = time.monotonic()
    command = [sys.executable, script, *arguments]
    print(f"\n== {name}: {shlex.join(['python', *command[1:]])}", flush=True)
    result = subprocess.run(command)
    if result.returncode:
        sys.exit(f"error: {name} ended with code {result.returncode}")
    return {name: round(time.monotonic() - start, 1)}


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
    from tf_poselift import quiet_start

    quiet_start.import_tensorflow()
    import tensorflow as tf

    from tf_poselift.data import reader
    from tf_poselift.training import run_folder

    table = reader.read("deepmimic", "test", str(data))
    rows = np.arange(0, table.num_rows, max(1, table.num_rows // 256))
    keypoints, scores = table.keypoints_2d[rows, 0], table.scores[rows, 0]
    method = run_folder.load(run).method
    with tf.device("CPU:0"):  # as the server; a GPU rounds differently
        expected = method.serve(keypoints, scores)["joints_3d"].numpy()
    answers = {}
    with development_server(model) as addresses:
        for kind, address in addresses.items():
            served = lift(kind, address, keypoints, scores)
            answers[kind] = float(np.abs(served["joints_3d"] - expected).max())
            if not answers[kind] <= 1e-4 or not served["valid"].all():
                sys.exit(f"error: {kind} differs from the model: {answers}")
            print(
                f"{kind}: {len(rows)} poses lifted, at most "
                f"{answers[kind]:.1e} from the model"
            )
    shown = np.linspace(0, len(rows) - 1, _SHOWN).astype(int)
    draw(table, rows[shown], served["joints_3d"][shown], picture)
    return answers


@contextlib.contextmanager
def development_server(model: pathlib.Path) -> Iterator[dict[str, str]]:
    """Serves a model while it is open; gives {"rest": URL, "grpc": address}."""
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
    try:
        line = next((x for x in server.stdout if x.startswith("serving ")), "")
        print(line, end="", flush=True)
        found = re.search(r"REST (?P<rest>http://\S+) gRPC (?P<grpc>\S+)", line)
        if found is None:
            sys.exit("error: the development server did not start")
        yield found.groupdict()
    finally:
        server.terminate()
        server.wait(timeout=30)


def lift(kind: str, address: str, keypoints, scores) -> dict[str, np.ndarray]:
    """Lifts through one of the server's interfaces."""
    sys.path.insert(0, str(ROOT / "serving"))
    import client as client_lib

    client = client_lib.Client(**{kind: address}, model="lifter")
    return client.lift(keypoints, scores)


def draw(table, rows: np.ndarray, served: np.ndarray, path) -> None:
    """Draws served poses of the first view beside what is true."""
    from tf_poselift.visualization import skeleton_plots

    truth = table.joints_3d[rows, 0]
    figure = skeleton_plots.comparison_figure(
        table.skeleton,
        keypoints_2d=table.keypoints_2d[rows, 0],
        scores=table.scores[rows, 0],
        predicted=served,
        truth=truth - truth[:, list(table.skeleton.root)].mean(1)[:, None],
    )
    skeleton_plots.save(figure, path)


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
