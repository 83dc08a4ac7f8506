"""The default model's figures again, after a change of what stands before its network.

remeasure.py TABLE FOLDER VERSION: FOLDER is a copy of models/default whose model.json says the new input.
Calibration, threshold and band stay. Forgeries and left-out sources stay as they were measured.
"""

import json
import pickle
import sys
from pathlib import Path

from deepfake.datasets.dataset import find_dataset
from deepfake.detector import Detector
from deepfake.evaluation import evaluator, metrics, report
from deepfake.evaluation.data import EvaluationSet
from deepfake.evaluation.document import EvaluationReport
from deepfake.evaluation.scoring import Judged
from deepfake.figures import MainFigures
from deepfake.manifest import OperatingPoint, OperatingPoints, read_manifest

table, folder, version = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
raw = json.loads((folder / "model.json").read_text())
raw["version"] = version
(folder / "model.json").write_text(json.dumps(raw, indent=1) + "\n")
samples = [s for s in find_dataset(table).samples if s.split == "test"]
root = Path("/work/shared/data/real_vs_fake/test")
one = EvaluationSet("test", root, tuple(samples), "the split “test”")
detector = Detector(str(folder))
scores = evaluator.evaluate("default", detector, [one], grid_faces=100, edited_faces=1000, seed=91)
pickle.dump(scores, open(folder.parent / "scores.pkl", "wb"))
old = EvaluationReport.model_validate_json((folder / "evaluation" / "report.json").read_bytes())
document = report.build([scores]).with_entries(
    **{
        k: getattr(old, k)
        for k in (
            "measured_on",
            "threshold_rule",
            "threshold_reached",
            "blends",
            "protocols",
            "card",
        )
    }
)
clean = Judged.of(scores.sets[0].clean)
manifest = read_manifest(folder)
repeated = {
    f"test_{t.name}" if t.name != "clean" else "test": MainFigures.of(t.figures)
    for t in document.models[0].sets[0].tiers
}
manifest = manifest.model_copy(
    update={
        "operating_points": OperatingPoints(
            measured_on=document.measured_on,
            reals=int((clean.labels == 0).sum()),
            fakes=int((clean.labels == 1).sum()),
            points=tuple(
                OperatingPoint(**p) for p in metrics.operating_points(clean.p_fake, clean.labels)
            ),
        ),
        "metrics": manifest.metrics.model_copy(update=repeated),
    }
)
document = report.write(document, [scores], folder / "evaluation", None)
(folder / "model.json").write_text(manifest.model_dump_json(indent=1) + "\n")
print(json.dumps(document.model_dump(mode="json")["models"][0]["sets"][0]["figures"], indent=1))
