"""Rows "left out of training" for the default model: the data's second edition, which it never saw."""

import csv
import pickle
import sys
from pathlib import Path

from families import FAM, LABEL

from deepfake.datasets.samples import Sample
from deepfake.detector import Detector
from deepfake.shipping import cross_source

rows = list(csv.DictReader(open("/work/shared/data/labels.csv")))


def sample(r):
    return Sample(
        Path("/work/shared/data/" + r["path"]),
        int(r["label"] == "fake"),
        r["split"],
        r["generator"],
    )


first = {r["path"] for r in csv.DictReader(open("/work/tools/first.csv"))}
kept = tuple(sample(r) for r in rows if "/work/shared/data/" + r["path"] in first)
families, seen = {}, set()
for (name, members), label in zip(FAM.items(), LABEL):
    families[name] = tuple(
        sample(r)
        for r in rows
        if r["generator"] in members
        and int(r["label"] == "fake") == label
        and "/work/shared/data/" + r["path"] not in first
    )
    seen |= {s.path for s in families[name]}
print(
    {k: len(v) for k, v in families.items()},
    "missing",
    {
        (r["generator"], r["label"])
        for r in rows
        if Path("/work/shared/data/" + r["path"]) not in seen
        and "/work/shared/data/" + r["path"] not in first
    },
)
if len(sys.argv) > 1:
    found = cross_source.measure(Detector(sys.argv[1]), cross_source.Division(kept, families), 0)
    out = [r.model_copy(update={"note": ""}) for r in found]
    pickle.dump(out, open("/work/remeasure/left_out.pkl", "wb"))
    for r in out:
        print(r.held_out, r.kind, r.count, r.auc, r.caught, r.false_positive_rate)
