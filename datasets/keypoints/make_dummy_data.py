"""Writes dummy_data/: made-up detections in the formats of the detectors.

cd datasets && python -m keypoints.make_dummy_data

`dummy_data/keypoints`: videos of one camera, coco_17, one format each;
`dummy_data/views`: two calibrated views of one person, BODY_25B.
"""

import json
import pathlib

import numpy as np

from tf_poselift import skeletons

FOLDER = pathlib.Path(__file__).parent / "dummy_data"
FRAMES = 4
COCO = skeletons.load("coco_17")
BODY_25B = skeletons.load("body_25b")

CAMERAS = """\
[left]
name = "cam_01"
size = [640.0, 480.0]
matrix = [[500.0, 0.0, 320.0], [0.0, 500.0, 240.0], [0.0, 0.0, 1.0]]
distortions = [0.0, 0.0, 0.0, 0.0]
rotation = [1.5707963267948966, 0.0, 0.0]
translation = [0.0, 1.0, 4.0]
fisheye = false

[right]
name = "cam_02"
size = [640.0, 480.0]
matrix = [[500.0, 0.0, 320.0], [0.0, 500.0, 240.0], [0.0, 0.0, 1.0]]
distortions = [0.0, 0.0, 0.0, 0.0]
rotation = [1.2091995761561452, -1.2091995761561452, 1.2091995761561452]
translation = [0.0, 1.0, 4.0]
fisheye = false

[metadata]
error = 0.0
"""


def people(generator, skeleton, *, x: float) -> np.ndarray:
    """Returns [FRAMES, J, 3]: somebody at `x` who drifts to the right."""
    drift = 5.0 * np.arange(FRAMES)[:, None]
    detections = np.empty([FRAMES, skeleton.num_joints, 3])
    shape = skeleton.num_joints
    detections[..., 0] = x + drift + generator.uniform(0.0, 60.0, shape)
    detections[..., 1] = generator.uniform(100.0, 300.0, shape)
    detections[..., 2] = generator.uniform(0.5, 0.9, shape)
    return detections.round(1)


def flat(detections: np.ndarray) -> list[float]:
    return detections.ravel().tolist()


def videos(generator) -> dict[str, object]:
    """Returns {file: content}, one video each."""
    near, far = (people(generator, COCO, x=x) for x in (50.0, 400.0))
    near[1, 3] = 0.0  # not detected
    near[2, 4, 2] = 0.1  # not trusted
    results = [
        {"image_id": 10 + t, "category_id": 1, "keypoints": flat(p[t])}
        | {"score": 0.9}
        for t in range(FRAMES)
        # The order of the people changes.
        for p in ((near, far) if t % 2 else (far, near))
    ]
    alphapose = [
        {"image_id": f"{t}.jpg", "keypoints": flat(near[t]), "idx": 7}
        for t in range(FRAMES)
    ]
    mmpose = [
        {
            "frame_id": t,
            "instances": [
                {
                    "keypoints": far[t, :, :2].tolist(),
                    "keypoint_scores": far[t, :, 2].tolist(),
                }
            ]
            if t != 1
            else [],
        }
        for t in range(FRAMES)
    ]
    return {
        "coco_results.json": results,
        "gym/alphapose.json": alphapose,
        "gym/mmpose.json": mmpose,
        "gym/nobody.json": [],
    }


def long_csv(detections: np.ndarray) -> str:
    """Returns the rows of one person, by name, with CRLF."""
    lines = ["frame,person,joint,x,y,score"]
    for t, pose in enumerate(detections):
        for joint, (x, y, score) in zip(COCO.joints, pose, strict=True):
            lines.append(f"{t},0,{joint},{x},{y},{score}")
    return "\r\n".join([*lines, ""])


def views(generator) -> dict[str, object]:
    """Returns {file: content} of somebody whom both cameras see.

    Camera 1 looks along y, camera 2 along x of the world (z up), each from 4 m
    away and 1 m above the floor.
    """
    world = generator.uniform(
        [-0.4, -0.4, 0.1], [0.4, 0.4, 1.8], [BODY_25B.num_joints, 3]
    )
    files = {}
    for view, (right, forward) in enumerate(((0, 1), (1, 0))):
        sign = 1.0 if view == 0 else -1.0
        for t in range(10):
            moved = world + [0.02 * t, 0.0, 0.0]
            depth = 4.0 + moved[:, forward]
            u = 320.0 + 500.0 * sign * moved[:, right] / depth
            v = 240.0 + 500.0 * (1.0 - moved[:, 2]) / depth
            pose = np.stack([u, v, np.full(len(u), 0.8)], axis=-1).round(4)
            pose[3] = 0.0  # an ear that nobody sees
            person = {"person_id": [-1], "pose_keypoints_2d": flat(pose)}
            content = {"version": 1.3, "people": [person]}
            if view == 0 and t == 5:
                content["people"] = []
            name = f"cam{view + 1}_json/cam{view + 1}_{t:012d}_keypoints.json"
            files[name] = content
    return files


def main() -> None:
    generator = np.random.default_rng(0)
    texts = {
        f"{folder}/{name}": json.dumps(content) + "\n"
        for folder, files in (
            ("keypoints", videos(generator)),
            ("views", views(generator)),
        )
        for name, content in files.items()
    }
    csv = long_csv(people(generator, COCO, x=200.0))
    texts |= {
        "keypoints/long.csv": csv,
        "keypoints/keypoints.yaml": "name: dummy\nskeleton: coco_17\nfps: 25\n"
        "image_size: [640, 480]\n",
        "views/cameras.toml": CAMERAS,
        "views/keypoints.yaml": "skeleton: body_25b\n"
        "calibration: cameras.toml\n",
    }
    for name, text in texts.items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    path = FOLDER / "keypoints" / "videopose3d.npz"
    positions = {
        video: {"custom": [people(generator, COCO, x=90.0)[..., :2]]}
        for video in ("run", "walk")
    }
    metadata = {"video_metadata": {"run": {"w": 800, "h": 600}}}
    np.savez(path, positions_2d=positions, metadata=metadata)


if __name__ == "__main__":
    main()
