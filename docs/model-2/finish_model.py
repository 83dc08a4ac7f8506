"""What `ship_model.py` and `remeasure.py` leave open: forgeries, families left out, words of the card.

finish_model.py FOLDER LEFT_OUT.npz TABLE TRAINED: TABLE lists the first edition, TRAINED is a JSON of
{"training_data": …, "command": …, "data": …, "failures": …}. Afterwards `python -m deepfake.shipping.elsewhere`.
"""

import json
import sys
from pathlib import Path

import numpy as np
from elsewhere import FAM, LABEL

from deepfake import verdict
from deepfake.datasets.dataset import find_dataset
from deepfake.evaluation import metrics, report
from deepfake.evaluation.document import CardText, LeftOut
from deepfake.forging.face_reader import FaceReader
from deepfake.manifest import read_manifest
from deepfake.modelstore.backends.litert import LiteRTBackend
from deepfake.settings import Settings
from deepfake.shipping import forgeries

folder, table = Path(sys.argv[1]), sys.argv[3]
left_out, trained = np.load(sys.argv[2]), json.loads(Path(sys.argv[4]).read_text())
manifest = read_manifest(folder)
p_fake = verdict.calibrate(left_out["logit"].astype(np.float64), manifest.calibration)
label, source = left_out["label"], left_out["source"]
rows = []
for (name, members), side in zip(FAM.items(), LABEL, strict=True):
    own = np.isin(source, members) & (label == side)
    reached = int((p_fake[own] >= manifest.threshold).sum())
    row = {"held_out": name, "count": int(own.sum()), "network": "other"}
    if side:
        both = own | (label == 0)
        row |= {
            "kind": "generator",
            "note": "told from all reals that were left out",
            "auc": metrics.area(p_fake[both], label[both]),
            "auc_95": metrics.bootstrap_auc(p_fake[both], label[both], 0),
            "caught": round(reached / row["count"], 4),
        }
    else:
        row |= {
            "kind": "real_source",
            "false_positive_rate": round(reached / row["count"], 4),
            "false_positive_rate_95": metrics.wilson(reached, row["count"]),
        }
    rows.append(LeftOut(**row))
    print(rows[-1])
backend = LiteRTBackend((folder / "model.tflite").read_bytes(), manifest, Settings())
test = [s for s in find_dataset(table).samples if s.split == "test"]
forged = forgeries.of_split(test, FaceReader(manifest.input), backend, manifest, None)
blends = forgeries.by_kind(manifest, forged)
print([(b.source, b.roc_auc) for b in blends])
report.amend(
    folder / "evaluation",
    {
        "protocols": rows,
        "blends": blends,
        "threshold_reached": trained["threshold_reached"],
        "card": CardText(**{name: trained[name] for name in ("command", "data", "failures")}),
    },
)
raw = json.loads((folder / "model.json").read_text())
raw["training_data"] = trained["training_data"]
raw["metrics"]["test_blended"] = {b.source: b.roc_auc for b in blends}
(folder / "model.json").write_text(json.dumps(raw, indent=1) + "\n")
