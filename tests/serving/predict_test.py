"""serving/predict.py as a user calls it."""

import csv
import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading

import numpy as np
import pytest

from tf_poselift import skeletons
from tf_poselift.data import bvh

ROOT = pathlib.Path(__file__).parents[2]
SKELETON = skeletons.load("human36m_17")


def predict(**flags) -> subprocess.CompletedProcess:
    words = [f"--{name}={value}" for name, value in flags.items()]
    return subprocess.run(
        [sys.executable, str(ROOT / "serving" / "predict.py"), *words],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=180,
    )


@pytest.fixture(scope="module")
def keypoints(tmp_path_factory) -> pathlib.Path:
    """Two people in 40 frames; one leaves for ten and returns."""
    rng = np.random.default_rng(0)
    pose = rng.normal(0.0, 100.0, (2, 17, 2)) + [[[300, 500]], [[1500, 500]]]
    path = tmp_path_factory.mktemp("keypoints") / "walk.csv"
    with path.open("w") as file:
        file.write("frame,person,joint,x,y,score\n")
        for frame in rng.permutation(40):  # out of order
            for person in range(2):
                if person == 1 and 10 <= frame < 20:
                    continue
                points = pose[person] + rng.normal(0.0, 2.0, (17, 2))
                for joint, (x, y) in zip(SKELETON.joints, points, strict=True):
                    score = 0.0 if joint == "nose" and frame == 3 else 0.9
                    file.write(f"{frame},{person},{joint},{x},{y},{score}\n")
    return path


@pytest.fixture(scope="module")
def written(base_path, keypoints, tmp_path_factory):
    """The output of one call with everything, and its folder."""
    out = tmp_path_factory.mktemp("out") / "lifted"
    done = predict(
        model=base_path,
        keypoints=keypoints,
        out=out,
        formats="npz,csv,json,trc,bvh",
        height_m=1.8,
        level=True,
        smooth="savgol",
        fps=25,
    )
    assert done.returncode == 0, done.stderr
    return done, out


def test_every_format_is_written(written):
    done, out = written
    assert sorted(path.name for path in out.iterdir()) == [
        "walk.csv", "walk.json", "walk.npz", "walk_0.bvh", "walk_0.trc",
        "walk_1.bvh", "walk_1.trc",
    ]  # fmt: skip
    first, *notes = done.stdout.splitlines()
    assert first.startswith("Lifts `human36m_17` of ")
    for text in (
        "mean acceleration 2D: ",
        "mean acceleration 3D: ",
        "degrees of upright: ",
        "bvh: the fitted skeleton is ",
        "mm from the lifted joints in the mean, ",
        "of their distance from the root: ",
    ):
        assert any(text in note for note in notes), done.stdout
    assert "walk: 100%" in done.stderr and " poses/s]" in done.stderr
    assert "oneDNN" not in done.stderr


def test_people_stay_apart(written):
    with np.load(written[1] / "walk.npz") as arrays:
        person, frame = arrays["person"], arrays["frame_index"]
        valid, joints_3d = arrays["valid"], arrays["joints_3d"]
    assert frame[person == 0].tolist() == list(range(40))
    assert frame[person == 1].tolist() == [*range(10), *range(20, 40)]
    nose = SKELETON.joints.index("nose")
    assert not valid[3, nose] and valid.sum() == 70 * 17 - 2
    assert np.isnan(joints_3d[3, nose]).all()
    with (written[1] / "walk.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 70 * 17 and {row["unit"] for row in rows} == {"m"}
    motion = bvh.read(written[1] / "walk_1.bvh")
    assert len(motion.values) == 40 and motion.fps == pytest.approx(25.0)


def test_a_server_answers_as_the_files_do(
    stand_in, base_path, keypoints, tmp_path
):
    flags = {
        "keypoints": keypoints,
        "formats": "npz",
        "skeleton": SKELETON.name,
    }
    rest = f"{stand_in.rest}/v1/models/{stand_in.model}"
    models = {
        "here": base_path / "1",
        "rest": rest,
        "grpc": f"grpc://{stand_in.grpc}/{stand_in.model}/versions/1",
    }
    answers = {}
    for name, model in models.items():
        done = predict(model=model, out=tmp_path / name, **flags)
        assert done.returncode == 0, done.stderr
        with np.load(tmp_path / name / "walk.npz") as arrays:
            answers[name] = arrays["joints_3d"]
            assert str(arrays["unit"]).startswith("model: ")
    for name in ("rest", "grpc"):
        np.testing.assert_allclose(answers[name], answers["here"], atol=1e-5)


def test_what_cannot_be_is_refused(base_path, keypoints, tmp_path):
    nobody = tmp_path / "nobody" / "0_keypoints.json"
    nobody.parent.mkdir()
    nobody.write_text('{"people": []}')
    given = {"model": base_path, "keypoints": keypoints}
    dead = "http://127.0.0.1:9/v1/models/lifter"
    for changes, message in (
        ({"keypoints": nobody.parent}, "must show somebody"),
        ({"skeleton": "human36m_16"}, "No map from skeleton `human36m_16`"),
        ({"skeleton": "body_25b"}, "`joint` must be 0 to 24 or a joint of `bo"),
        ({"model": dead, "skeleton": SKELETON.name}, "Is the server running"),
        ({"formats": "fbx"}, "Unknown format `fbx`. Known: bvh, csv, json"),
    ):
        done = predict(**(given | {"out": tmp_path / "out"} | changes))
        assert done.returncode == 1, changes
        assert f"error: {done.stderr.split('error: ')[-1]}".count("\n") == 1
        assert message in done.stderr.split("error: ")[-1]
        assert not (tmp_path / "out").exists()


def test_places_and_videos_are_looked_at_first(base_path, keypoints, tmp_path):
    text, out, film = (tmp_path / name for name in ("a.txt", "out", "a.mp4"))
    text.write_text("no video")
    given = {"model": base_path, "keypoints": keypoints, "out": out}
    for changes, message in (
        ({"out": text}, "`out` must be a folder, or one that can be made. Re"),
        ({"render": text / "a.gif"}, f"{text} is no folder"),
        ({"video": text}, "`video` must come with `render`. Received: "),
        ({"video": text, "render": film}, f"{text} must be a video."),
    ):
        done = predict(**(given | changes))
        assert done.returncode == 1
        assert done.stderr.startswith("error: ") and message in done.stderr
        assert not done.stdout and done.stderr.count("\n") == 1
        assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_video_without_anybody_is_left_out(base_path, keypoints, tmp_path):
    """Of several videos, and of one; its stand-ins score too little."""
    folder = tmp_path / "videos"
    folder.mkdir()
    text = keypoints.read_text()
    (folder / "a.csv").write_text(text.replace(",0.9\n", ",0.25\n"))
    (folder / "b.csv").write_text(text)
    (folder / "c.csv").write_text(text.splitlines()[0] + "\n")
    given = {"model": base_path, "out": tmp_path / "out", "formats": "npz,bvh"}
    done = predict(keypoints=folder, **given, render=tmp_path / "a.png")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == (
        "1 of 3 videos lifted; left out: a, c"
    )
    low = (
        "Somebody must have scores of at least `min_score` 0.3. "
        "Received: 2 people, with scores of at most 0.25."
    )
    assert f"a: left out. {low}" in done.stdout
    assert "c: left out. Nobody was seen." in done.stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "b.npz", "b_0.bvh", "b_1.bvh",
    ]  # fmt: skip
    assert [path.name for path in tmp_path.glob("*.png")] == ["a_b.png"]

    (folder / "b.csv").unlink()
    given["out"] = tmp_path / "nothing"
    done = predict(keypoints=folder, **given)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"error: {folder} must show somebody who can be lifted. Received: "
        f"2 videos. a: {low}"
    )
    assert not (tmp_path / "nothing").exists()


def test_a_server_that_dies_on_the_way_leaves_nothing(tmp_path):
    """It answers the first thousand poses, then no more."""
    answered = []

    class Dying(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            if answered:
                return  # closes the connection
            body = self.rfile.read(int(self.headers["Content-Length"]))
            count = len(json.loads(body)["inputs"]["scores"])
            answered.append(count)
            outputs = {
                "joints_3d": np.ones((count, 17, 3)).tolist(),
                "scale": [0.0] * count,
                "valid": [True] * count,
            }
            text = json.dumps({"outputs": outputs}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    keypoints = tmp_path / "people.npy"
    rng = np.random.default_rng(0)
    np.save(keypoints, rng.normal(500.0, 100.0, (3000, 17, 2)))
    video = {"walk": {"custom": [np.load(keypoints)]}}
    np.savez(tmp_path / "walk.npz", positions_2d=np.array(video, object))
    with http.server.HTTPServer(("127.0.0.1", 0), Dying) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            done = predict(
                model=f"http://127.0.0.1:{server.server_port}/v1/models/lifter",
                keypoints=tmp_path / "walk.npz",
                skeleton=SKELETON.name,
                out=tmp_path / "out",
            )
        finally:
            server.shutdown()
    assert len(answered) == 1 and 0 < answered[0] < 3000
    assert done.returncode == 1 and "error: " in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_nothing(base_path, keypoints, tmp_path):
    """No file may grow beyond four kilobytes."""
    out = tmp_path / "out"
    flags = {"model": base_path, "keypoints": keypoints, "out": out}
    words = [f"--{name}={value}" for name, value in flags.items()]
    script = f"{sys.executable} serving/predict.py {' '.join(words)}"
    command = f"ulimit -f 4; exec {script} --formats=csv,bvh"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 1
    assert f"error: {out}/walk" in done.stderr
    assert "File too large. Free some space there" in done.stderr
    assert not list(out.iterdir())


def test_a_termination_leaves_nothing(base_path, keypoints, tmp_path):
    """SIGTERM while a file is half written."""
    program = """if True:
        import sys, time
        from absl import app
        import predict
        from tf_poselift.keypoint_files import write_csv
        def half(path, _):
            path.write_text("frame,pers")
            print("WRITING", flush=True)
            time.sleep(100.0)
        write_csv.write = half
        app.run(predict.main)
    """
    flags = {"model": base_path, "keypoints": keypoints, "out": tmp_path}
    process = subprocess.Popen(
        [sys.executable, "-c", program]
        + [f"--{name}={value}" for name, value in flags.items()],
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'serving'}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert "WRITING\n" in iter(process.stdout.readline, "")
        assert any(tmp_path.glob(".staging-*/walk.csv"))
        process.terminate()
        assert process.wait(60.0) == 143
    assert not list(tmp_path.iterdir())


def test_real_files_of_openpose(base_path, tmp_path):
    data = pathlib.Path(os.environ.get("TF_POSELIFT_DATA") or "nowhere")
    folder = data / "pose2sim_demo" / "pose"
    if not folder.is_dir():
        pytest.skip("TF_POSELIFT_DATA names no folder with pose2sim_demo")
    done = predict(
        model=base_path,
        keypoints=folder,
        skeleton="body_25b",
        out=tmp_path,
        formats="bvh",
        render=tmp_path / "viewer.html",
        render_seconds=1,
    )
    assert done.returncode == 0, done.stderr
    for camera in range(1, 5):
        motion = bvh.read(tmp_path / f"cam{camera}_json_0.bvh")
        assert len(motion.values) == 100
        page = (tmp_path / f"viewer_cam{camera}_json.html").read_text()
        assert "Plotly.newPlot" in page
