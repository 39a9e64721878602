#!/usr/bin/env bash
# Every figure that needs a GPU, in one call; a second call goes on.
#
#   trainers/gpu_figures.sh runs/data runs/gpu
#   trainers/gpu_figures.sh runs/data runs/gpu steps replicas
#
# DATA holds cmu_mocap and cmu_bvh, configurations human36m_cameras_undistorted
# and trajectories (datasets/build.py). OUT gets what the parts make; without
# any PART all are made, in this order. Times are guesses for an H200.
#
#   steps     every method's step beside its matrix products, as JSON: 40 min
#   growth    a step over batch, joints and data, growth.png: 20 min
#   replicas  the GPU split in two: 200 steps of training, and that one replica
#             and two end in the same weights (needs pytest): 15 min
#   training  the full-length comparisons of docs/results.md: a day
#
# What fails is named at the end, after all else was done.
set -uo pipefail
USAGE="usage: trainers/gpu_figures.sh DATA OUT [steps|growth|replicas|training ...]"
DATA=${1:?$USAGE}
OUT=${2:?$USAGE}
PARTS=${*:3}
PARTS=${PARTS:-steps growth replicas training}
PYTHON=${PYTHON:-python}
HERE=$(dirname "$0")
FAILED=()
trap 'exit 130' INT TERM
mkdir -p "$OUT" || exit 1

try() {  # WHAT COMMAND ...
  echo "== $1"
  "${@:2}" || { FAILED+=("$1"); return 1; }
}

once() {  # FILE WHAT COMMAND ...; the command writes FILE.partial
  [ -e "$1" ] || { try "${@:2}" && mv "$1.partial" "$1"; }
}

step() {  # METHOD BATCH_SIZE PRECISION [FLAG ...]
  local file="$OUT/step-$1-$2-$3.json"
  once "$file" "$1, $2 poses a step, $3" \
    "$PYTHON" "$HERE/benchmark.py" --what=step --method="$1" \
    --batch_size="$2" --precision="$3" --steps=100 --json="$file.partial" \
    "${@:4}"
}

steps() {
  local batch_size precision method
  for batch_size in 8192 32768; do  # what costs least comes first
    for precision in mixed_bfloat16 float32; do
      for method in kudo2018 martinez2017 svma2021 yu2021; do
        step $method $batch_size $precision
      done
      step tipsy_gan2022 $batch_size $precision --config=stage=solo
      # Four views of a frame: as many poses.
      step bouazizi2021 $((batch_size / 4)) $precision
    done
  done
}

growth() {
  once "$OUT/growth.json" "growth" \
    "$PYTHON" "$HERE/benchmark.py" --what=growth --method=tipsy_gan2022 \
    --config=stage=solo --batch_size=8192 --precision=mixed_bfloat16 \
    --steps=100 --figure="$OUT/growth.png" --json="$OUT/growth.json.partial"
}

replicas() {
  try "training on two parts of the GPU" \
    "$PYTHON" "$HERE/train.py" --method=kudo2018 \
    --dataset=cmu_mocap/human36m_cameras_undistorted --data_dir="$DATA" \
    --workdir="$OUT/two_parts" --steps=200 --batch_size=8192 \
    --strategy=mirrored --virtual_devices=2
  # Without conftest.py, which hides GPUs. TF32 would round what is compared.
  try "one replica equals two" "$PYTHON" -c '
import sys
import pytest
import tensorflow as tf
from tf_poselift.training import strategies
strategies.use_virtual_devices(2)
tf.config.experimental.enable_tensor_float_32_execution(False)
sys.exit(pytest.main(["--noconftest", "-q", "-k", "compiled", sys.argv[1]]))
' "$HERE/../tests/training/distribution_test.py"
}

training() {
  try "training" \
    "$PYTHON" "$HERE/reproduce.py" --experiments=all --scale=full \
    --data_dir="$DATA" --workdir="$OUT/results"
}

for part in $PARTS; do
  case $part in
    steps | growth | replicas | training) ;;
    *) echo "error: no part $part; $USAGE" >&2; exit 2 ;;
  esac
done
for part in $PARTS; do
  $part
done
if [ ${#FAILED[@]} -gt 0 ]; then
  echo "error: these failed; the same call tries them again:" >&2
  printf '  %s\n' "${FAILED[@]}" >&2
  exit 1
fi
