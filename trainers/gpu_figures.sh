#!/usr/bin/env bash
# Every figure that needs a GPU, in one call; a second call goes on.
#
#   trainers/gpu_figures.sh runs/data runs/gpu
#
# DATA holds cmu_mocap and cmu_bvh, configurations human36m_cameras_undistorted
# and trajectories (datasets/build.py). OUT gets the steps' times as JSON,
# growth.png and the full-length comparisons of docs/results.md.
set -euo pipefail
DATA=${1:?usage: trainers/gpu_figures.sh DATA OUT}
OUT=${2:?usage: trainers/gpu_figures.sh DATA OUT}
PYTHON=${PYTHON:-python}
HERE=$(dirname "$0")
mkdir -p "$OUT"

step() {  # METHOD BATCH_SIZE PRECISION [FLAG ...]
  local file="$OUT/step-$1-$2-$3.json"
  [ -e "$file" ] && return
  echo "== $1, $2 poses a step, $3"
  "$PYTHON" "$HERE/benchmark.py" --what=step --method="$1" --batch_size="$2" \
    --precision="$3" --steps=100 --json="$file.partial" "${@:4}"
  mv "$file.partial" "$file"
}

for precision in mixed_bfloat16 float32; do
  for batch_size in 8192 32768; do
    step tipsy_gan2022 $batch_size $precision --config=stage=solo
    for method in kudo2018 svma2021 yu2021 martinez2017; do
      step $method $batch_size $precision
    done
    # Four views of a frame: as many poses.
    step bouazizi2021 $((batch_size / 4)) $precision
  done
done

if [ ! -e "$OUT/growth.json" ]; then
  "$PYTHON" "$HERE/benchmark.py" --what=growth --method=tipsy_gan2022 \
    --config=stage=solo --batch_size=8192 --precision=mixed_bfloat16 \
    --steps=100 --figure="$OUT/growth.png" --json="$OUT/growth.json"
fi

"$PYTHON" "$HERE/reproduce.py" --experiments=all --scale=full \
  --data_dir="$DATA" --workdir="$OUT/results"
