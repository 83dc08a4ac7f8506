"""What `ship_model.py` and `remeasure.py` leave open: families left out, words of the card.

finish_model.py FOLDER LEFT_OUT.npz TRAINED: TRAINED is a JSON of {"training_data": …, "command": …, "data": …,
"failures": …, "threshold_reached": …}. Afterwards finish_forgeries.py and `python -m deepfake.shipping.elsewhere`.
"""

import json
import sys
from pathlib import Path

import numpy as np
from families import FAM, LABEL

from deepfake import verdict
from deepfake.evaluation import metrics, report
from deepfake.evaluation.document import CardText, LeftOut
from deepfake.manifest import read_manifest

folder = Path(sys.argv[1])
left_out, trained = np.load(sys.argv[2]), json.loads(Path(sys.argv[3]).read_text())
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
report.amend(
    folder / "evaluation",
    {
        "protocols": rows,
        "threshold_reached": trained["threshold_reached"],
        "card": CardText(**{name: trained[name] for name in ("command", "data", "failures")}),
    },
)
raw = json.loads((folder / "model.json").read_text())
raw["training_data"] = trained["training_data"]
(folder / "model.json").write_text(json.dumps(raw, indent=1, ensure_ascii=False) + "\n")
