#!/bin/sh
# From a checkout and the shared folder to four tuned networks, each without one of the folds:
#   sh docs/model-2/again.sh MINUTES MORE
# First two without half of the folds each, for MINUTES; from these, four without a fold, four rounds of MORE minutes each,
# every round with other batches. What is made lies in /work/m2, and what is there is not made again: empty vb, ck and runs there after a change of the views. Twenty minutes on a quick machine, then MINUTES and eight times MORE
# of training on two cores. Then: sh ship.sh ALPHA VERSION.
set -eu
minutes=$1 more=$2
here=$(cd "$(dirname "$0")" && pwd)
main=$(cd "$here/../.." && pwd)
mkdir -p /work/m2/cache /work/m2/ck /work/m2/vb /work/m2/runs /work/m2/final /work/base/models/default
[ "$here" = /work/m2 ] || cp "$here"/* /work/m2/
cd /work/m2
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 TF_CPP_MIN_LOG_LEVEL=3 PYTHONPATH="$main:/work/m2"
keras="env KERAS_BACKEND=tensorflow $main/.venv/bin/python"
py=v/bin/python
if [ ! -f v/done ]; then
    python3 -m venv v
    site=v/lib/python3.11/site-packages
    v/bin/pip install -q --no-deps /opt/wheels/torch-2.13.0*.whl sympy mpmath networkx
    # The rest, with NumPy, is the project's own.
    printf '%s\n%s\n' "$main/.venv/lib/python3.11/site-packages" "$main" >"$site/main.pth"
    touch v/done
fi
old=/work/base/models/default/model.keras # of 1.3.0
[ -f $old ] || git -C "$main" show 03fe67a:models/default/model.keras >$old
[ -f cache/w130.pkl ] || $keras dump_130.py
[ -f cache/features2.tflite ] || $keras export_features.py
[ -f cache/faces.npz ] || $keras read_faces.py
# With GENERATED=2 in the environment (tune3.py): faces of a generator. It needs /work/gan with the wheel unzipped (pip
# download --no-deps random-face==2021.7.21.1) and a virtual environment v with openvino and opencv-python-headless.
if [ "${GENERATED:-0}" != 0 ] && [ ! -f cache/generated.pkl ]; then
    /work/gan/v/bin/python generate.py make /work/gan 700
    $keras generate.py find /work/gan
fi
# Twins on one core, views on the other: those of the first edition's test before those of training.
twins() {
    [ -f cache/eval_tw.pkl ] || $py make_twins.py eval
    for part in 0 1 2 3 4 5 6 7; do
        [ -f cache/tw_$part.pkl ] || $py make_twins.py $part $((part + 1))
    done
}
[ -f cache/tw_0.pkl ] || $py make_twins.py 0 1
twins &
[ -f vb/bank0.npz ] || $py viewbank.py bank 0 2 700
wait
[ -f vb/bank1.npz ] || $py viewbank.py bank 1 2 700 &
for part in 0 1; do
    [ -f vb/served$part.npz ] || $py viewbank.py served $part 2
done
wait
[ -f vb/bankdraw.npz ] || $py drawbank.py 2550 &
# Experts to start from: half of the bank is enough.
[ -f vb/bank0_o.npy ] || $py feats.py cache/features2.tflite o bank0
wait
for name in A:12 C:03; do
    folds=${name#*:}
    [ -f "runs/start_$folds.npz" ] || BANKS=bank0 $py start.py o "$folds" "runs/start_$folds.npz"
done
tuned() { # NAME FOLDS HEADS MINUTES RATE [START]
    [ -f "ck/$1_end.pt" ] ||
        env ${6:+START="$6"} nice -n 15 $py tune3.py "$1" "$2" "runs/start_$3.npz" "$4" "$5" >"runs/$1.log" 2>&1
}
both() { # waits for two, and fails where one failed
    wait "$1" && wait "$2"
}
tuned A 12 12 "$minutes" 1.5e-4 &
first=$!
tuned C 03 03 "$minutes" 1.5e-4 &
both $first $!
export TWINS=6 REALS=6 GENERATED=0
round() { # NUMBER NAME, and what the networks without fold 0, 3, 1 and 2 start from
    export ROUND="$1"
    (tuned "${2}0" 0 03 "$more" 1e-4 "ck/${3}_end.pt" && tuned "${2}3" 3 03 "$more" 1e-4 "ck/${4}_end.pt") &
    first=$!
    (tuned "${2}1" 1 12 "$more" 1e-4 "ck/${5}_end.pt" && tuned "${2}2" 2 12 "$more" 1e-4 "ck/${6}_end.pt") &
    both $first $!
}
round 0 N C C A A
round 1 P N0 N3 N1 N2
round 2 Q P0 P3 P1 P2
round 3 R Q0 Q3 Q1 Q2
