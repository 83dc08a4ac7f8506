"""Forgeries of the test's own faces, into the report of a model that `remeasure.py` has measured.

finish_forgeries.py FOLDER TABLE: TABLE lists the first edition (path, label, split, generator). Ten minutes on a quick
core. Afterwards `python -m deepfake.shipping.elsewhere`, which writes the card.
"""

import json
import sys
from pathlib import Path

from deepfake.datasets.dataset import find_dataset
from deepfake.evaluation import report
from deepfake.forging.face_reader import FaceReader
from deepfake.manifest import read_manifest
from deepfake.modelstore.backends.litert import LiteRTBackend
from deepfake.settings import Settings
from deepfake.shipping import forgeries

folder = Path(sys.argv[1])
manifest = read_manifest(folder)
backend = LiteRTBackend((folder / "model.tflite").read_bytes(), manifest, Settings())
test = [sample for sample in find_dataset(sys.argv[2]).samples if sample.split == "test"]
forged = forgeries.of_split(test, FaceReader(manifest.input), backend, manifest, None)
blends = forgeries.by_kind(manifest, forged)
print([(b.source, b.roc_auc) for b in blends])
report.amend(folder / "evaluation", {"blends": blends})
raw = json.loads((folder / "model.json").read_text())
raw["metrics"]["test_blended"] = {b.source: b.roc_auc for b in blends}
(folder / "model.json").write_text(json.dumps(raw, indent=1, ensure_ascii=False) + "\n")
