#!/bin/sh
# What tune3.py left → ship/, a copy of models/default with the new network, its threshold, band, drawings
# and figures on the first edition's test:  sh ship.sh ALPHA VERSION
# ALPHA: how far from 1.3.0's trunk (0) to the mean of the tuned ones (1). Twenty minutes on a quick machine. Then: folds.py, finish_model.py, finish_forgeries.py, reasons.py, shipping.elsewhere, benchmarks/clips.py, and the tests.
set -eu
alpha=$1 version=$2 name=R # the last round of again.sh
main=/work/main
cd /work/m2
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 TF_CPP_MIN_LOG_LEVEL=3 PYTHONPATH="$main:/work/m2"
keras="env KERAS_BACKEND=tensorflow $main/.venv/bin/python"
py=v/bin/python
for fold in 0 1 2 3; do
    $py export3.py "cache/$name$fold.tflite" "$alpha" "ck/$name${fold}_end.pt"
done
$py export3.py cache/F.tflite "$alpha" ck/${name}0_end.pt ck/${name}1_end.pt ck/${name}2_end.pt ck/${name}3_end.pt
sets="bank0 bank1 served0 served1 twins"
features() {
    for fold in "$@"; do
        # shellcheck disable=SC2086  # several words
        $py feats.py "cache/$name$fold.tflite" "$name$fold" $sets
    done
}
{
    features 0 1 &
    features 2 3 &
    wait
    $py feats.py cache/F.tflite F bank0 served0 twins home &
    $py feats.py cache/F.tflite F bank1 served1 bankdraw &
    wait
}
$py ship3.py ${name}0:0 ${name}1:1 ${name}2:2 ${name}3:3 F
rm -rf ship
cp -r $main/models/default ship
$keras build_network.py final/heads4_-1.npz cache/F.keras final/net.keras
$keras ship_model.py final/net.keras ship final/left_out.npz "$version"
$py drawfit.py F
$keras ship_drawing.py final/net.keras final/drawing_head.npz ship "$version"
# The file that is served: the trunk's convolutions in int8 (an environment beside the project's, see quantize.py).
KERAS_BACKEND=tensorflow PYTHONPATH="$main:/work/m2:$main/.venv/lib/python3.11/site-packages" \
    /work/q/bin/python quantize.py ship
$py - <<'P'
import csv

from table import DATA, FIRST_EDITION

rows = [r for r in csv.DictReader((DATA / "labels.csv").open()) if r["generator"] in FIRST_EDITION]
with open("first.csv", "w", newline="") as file:
    out = csv.DictWriter(file, ["path", "label", "split", "generator"], extrasaction="ignore")
    out.writeheader()
    out.writerows(r | {"path": str(DATA / r["path"])} for r in rows)
P
$py remeasure.py first.csv ship "$version"
# Names of the test's files and their scores: not for the repository.
rm -f ship/evaluation/scores.csv
