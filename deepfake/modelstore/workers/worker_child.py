"""Opens a model of somebody else and scores with it. Started by `worker` in a sandbox.

python -m deepfake.modelstore.workers.worker_child JSON
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from deepfake.errors import DeepfakeError, ModelError
from deepfake.manifest import ModelManifest
from deepfake.modelstore.backends.protocol import Backend, Opened
from deepfake.modelstore.formats import BY_KIND, bring
from deepfake.modelstore.safety.endings import is_out_of_memory
from deepfake.modelstore.workers import messages
from deepfake.settings import Settings


class Host:
    """The model, and what is done with it.

    Args:
        job: dict. "kind" of its Format, "path", "architecture", "size", "threads", "limit".
    """

    def __init__(self, job: dict[str, Any]):
        self._job = job
        self._row = BY_KIND[job["kind"]]
        self._settings = Settings(
            interpreters=1, threads=job["threads"], max_model_bytes=job["limit"]
        )
        self._opened: Opened | None = None
        self._backend: Backend | None = None

    def open(self) -> Opened:
        """Read the file."""
        if self._opened is None:
            job, place = self._job, bring(self._row.open)
            self._opened = place(
                Path(job["path"]), self._settings, job["architecture"], job["size"]
            )
        return self._opened

    def answer(
        self, document: messages.Document, arrays: dict[str, np.ndarray]
    ) -> tuple[messages.Document, dict[str, np.ndarray]]:
        """Do what a message asks for.

        Raises:
            ModelError: as of the backends.
        """
        if document["do"] == "open":
            opened = self.open()
            return {"network": asdict(opened.network), "remarks": opened.remarks}, {}
        if document["do"] == "serve":
            manifest = ModelManifest.model_validate(document["manifest"])
            if "weights" in arrays:
                weights = arrays["weights"].tobytes()
                self._backend = bring(self._row.from_bytes)(weights, manifest, self._settings)
            else:
                self._backend = self.open().backend(manifest, self._settings)
            return {"name": self._backend.name}, {}
        if self._backend is None:
            raise ModelError("A score was asked for before a manifest. Load the model again.")
        scores = self._backend.scores(arrays["batch"])
        named = {
            "raw": scores.raw, "evidence": scores.evidence, "experts": scores.experts,
            "drawings": scores.drawings,
        }  # fmt: skip
        return {}, {
            name: np.asarray(array, np.float32)
            for name, array in named.items()
            if array is not None
        }


def main(job: dict[str, Any]) -> None:
    """Answer until nobody asks any more."""
    # Libraries print to stdout, too.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    # TensorFlow 2.21 with oneDNN crashes on some graphs (Conv2D + Add + ReLU).
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
    host = Host(job)
    while True:
        try:
            asked, given = messages.receive(sys.stdin.buffer)
        except EOFError:
            os._exit(0)
        try:
            answer, arrays = host.answer(asked, given)
        except DeepfakeError as error:
            # Libraries say it in exceptions of their own, which backends make sentences of.
            if is_out_of_memory(f"{error} {error.__cause__!r}"):
                raise MemoryError from error
            path = str(getattr(error, "path", ""))
            said = {"kind": type(error).__name__, "sentence": str(error), "path": path}
            answer, arrays = {"error": json.dumps(said)}, {}
        messages.send(out, answer, arrays)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
