"""Models of others, scored in processes of their own with limits of time and memory."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from deepfake import deadline
from deepfake.errors import MissingPackageError, ModelError
from deepfake.files.digest import size_of, state_of
from deepfake.manifest import ModelManifest
from deepfake.modelstore.backends.protocol import Network, Opened, Scores, require_numbers
from deepfake.modelstore.formats import Format
from deepfake.modelstore.workers.worker import Worker
from deepfake.settings import Settings

# What the runtimes take for themselves and for the pictures; a model may use eight times its own
# size on top. TensorFlow alone takes .6 GB.
MEMORY, MEMORY_OF_KERAS, MEMORY_PER_BYTE = 2_000_000_000, 3_000_000_000, 8
SECONDS_TO_OPEN, SECONDS_TO_OPEN_KERAS = 60.0, 300.0
# Of one call with so many pictures: on two busy cores the largest networks take 5 s for one.
SECONDS, SECONDS_A_PICTURE = 20.0, 10.0
MAX_BATCH = 8
# As a share of the largest score; another order of sums moves less than this.
STEADY = 3e-5
_NETWORK = TypeAdapter(Network)


@dataclass(frozen=True)
class ForeignFile:
    """A model file that no process of ours opens but a worker.

    Attributes:
        row: Format. What it is.
        path: Path. The file, or the folder of a SavedModel.
        beside: tuple of Path. Files with more of its weights.
        weights: bytes. The file's content, where that is what was compared with a hash; then
            nothing is read from `path`, and only a manifest can open it.
        architecture: str. Which network its weights are for, where it holds only weights.
        size: int. Side of the input, where the file leaves it open.
    """

    row: Format
    path: Path
    beside: tuple[Path, ...] = ()
    weights: bytes = field(default=b"", repr=False)
    architecture: str = ""
    size: int | None = None

    def open(self, settings: Settings) -> Opened:
        """Let a worker read it.

        Args:
            settings: Settings. Limits, threads, and how many workers there are at most.

        Raises:
            ModelError: as of the backend; or it took too long or too much memory, or crashed.
        """
        _need(self.row)
        worker = self.start(settings)
        told, _ = worker.ask({"do": "open"}, seconds=self.patience, what="Opening the model")
        try:
            network = _NETWORK.validate_python(told["network"])
            remarks = tuple(str(remark) for remark in told["remarks"])
        except (ValidationError, KeyError, TypeError) as error:
            raise _nonsense() from error
        first = [worker]

        def backend(manifest: ModelManifest, now: Settings) -> ForeignBackend:
            return ForeignBackend(self, manifest, now, first.pop() if first else None)

        return Opened(network, backend, remarks)

    def start(self, settings: Settings) -> Worker:
        """A new worker for it, which has not read it yet."""
        job: dict[str, Any] = {
            "kind": self.row.kind, "path": str(self.path.absolute()), "size": self.size,
            "architecture": self.architecture, "threads": settings.threads,
            "limit": settings.max_model_bytes,
        }  # fmt: skip
        files = () if self.weights else (self.path, *self.beside)
        size = len(self.weights) or sum(size_of(file) for file in files)
        memory = MEMORY_OF_KERAS if self.row.is_keras else MEMORY
        return Worker([json.dumps(job)], files, memory + MEMORY_PER_BYTE * size)

    @property
    def state(self) -> tuple[object, ...]:
        """What differs once one of its files is another."""
        return () if self.weights else tuple(map(state_of, (self.path, *self.beside)))

    @property
    def patience(self) -> float:
        """Seconds that opening it may take."""
        return SECONDS_TO_OPEN_KERAS if self.row.is_keras else SECONDS_TO_OPEN


class ForeignBackend:
    """Scores in workers. Safe to share between threads.

    A worker that takes too long or too much memory, or crashes, is ended, and the next call gets a
    new one.

    Args:
        file: ForeignFile. The model.
        manifest: ModelManifest. How to use it.
        settings: Settings. Workers at the same time (`interpreters`; of Keras, which takes much
            memory and many threads, one).
        worker: Worker. One that has read the file already. Defaults to a new one.

    Raises:
        ModelError: the file cannot be read or run, or is not what the manifest says.
    """

    def __init__(
        self,
        file: ForeignFile,
        manifest: ModelManifest,
        settings: Settings,
        worker: Worker | None = None,
    ):
        self._file, self._manifest, self._settings = file, manifest, settings
        self._step = MAX_BATCH
        self._state = file.state
        # A worker that is still to be started is a None in the queue.
        self._free: queue.LifoQueue[Worker | None] = queue.LifoQueue()
        for _ in range(0 if file.row.is_keras else settings.interpreters - 1):
            self._free.put(None)
        worker = worker or file.start(settings)
        self.name = self._prepare(worker)
        if not file.weights:
            self._refuse_chance(worker)
        self._free.put(worker)

    def scores(self, batch: np.ndarray) -> Scores:
        """Run the network.

        Args:
            batch: float32 array (count, size, size, channels), scaled as the manifest says;
                count ≥ 1.

        Raises:
            ModelError: the network failed, returned something else than the manifest says, took too
                long or too much memory, or crashed.
        """
        parts = list(self._parts(batch))
        drawings = _joined(parts, "drawings")
        return Scores(
            np.concatenate([part["raw"] for part in parts]),
            _joined(parts, "evidence"),
            _joined(parts, "experts"),
            None if drawings is None else drawings > 0,
        )

    def _parts(self, batch: np.ndarray) -> Iterator[dict[str, np.ndarray]]:
        start = 0
        while start < len(batch):
            part = batch[start : start + self._step]
            with self._borrowed() as worker:
                try:
                    found = self._ask(worker, part)
                except ModelError:
                    if len(part) == 1 or worker.alive or worker.timed_out:
                        raise
                    # Eight pictures may be too many where one is not.
                    self._step = 1
                    continue
            yield found
            start += len(part)

    def _ask(self, worker: Worker, part: np.ndarray) -> dict[str, np.ndarray]:
        _, found = worker.ask(
            {"do": "scores"}, {"batch": np.asarray(part, np.float32)},
            seconds=SECONDS + SECONDS_A_PICTURE * len(part), what="A score of the model",
        )  # fmt: skip
        output = self._manifest.output
        raw = found.get("raw")
        wanted = {"raw"} | ({"evidence"} if output.evidence else set())
        wanted |= {"experts"} if output.experts else set()
        wanted |= {"drawings"} if output.drawing else set()
        if raw is None or set(found) != wanted or any(len(a) != len(part) for a in found.values()):
            raise _nonsense()
        columns = () if self._manifest.columns == 1 else (self._manifest.columns,)
        ranks = {"raw": 1 + len(columns), "evidence": 3, "experts": 2, "drawings": 1}
        if raw.shape[1:] != columns or any(a.ndim != ranks[name] for name, a in found.items()):
            raise _nonsense()
        require_numbers(raw)
        return found

    def _refuse_chance(self, worker: Worker) -> None:
        """Score the same pictures several times: exported graphs may have random layers in them."""
        given = self._manifest.input
        chance = np.random.default_rng(0)
        count, times = (8, 4) if self._file.row.is_keras else (2, 2)
        # Each half unlike the other, so that flips are seen, too.
        light = np.linspace(0.0, 255.0, given.size).reshape(1, 1, given.size, 1)
        noise = chance.uniform(0.0, 255.0, (count, given.size, given.size, given.planes))
        scaling = np.array([given.mean, given.std])[:, : given.planes]
        pictures = ((light + noise) / 2 - scaling[0]) / scaling[1]
        found = [
            np.concatenate([self._ask(worker, one[None])["raw"] for one in pictures])
            for _ in range(times)
        ]
        if np.ptp(found, axis=0).max() > STEADY * float(np.abs(found).max()):
            raise ModelError(
                "The model returns something else each time for the same picture: a random layer, "
                "such as RandomFlip or Dropout, is at work in it. Where it was made, save it with "
                "model.save('model.keras'), or export it for inference (training=False; "
                "model.eval() in PyTorch)."
            )

    @contextmanager
    def _borrowed(self) -> Iterator[Worker]:
        worker = deadline.take(self._free)
        try:
            if worker is None or not worker.alive:
                # One that cannot be made ready is not kept: it would answer nothing that is asked.
                worker = None
                if self._file.state != self._state:
                    raise ModelError(
                        f"{self._file.path} was changed, replaced or removed while it was in use. "
                        "Start again to use what is there now.",
                        path=self._file.path,
                    )
                started = self._file.start(self._settings)
                self._prepare(started)
                worker = started
            yield worker
        finally:
            self._free.put(worker if worker is not None and worker.alive else None)

    def _prepare(self, worker: Worker) -> str:
        manifest = self._manifest.model_dump(mode="json")
        weights = np.frombuffer(self._file.weights, np.uint8)
        told, _ = worker.ask(
            {"do": "serve", "manifest": manifest},
            {"weights": weights} if self._file.weights else None,
            seconds=self._file.patience, what="Opening the model",
        )  # fmt: skip
        return str(told.get("name", ""))[:40]


def _need(row: Format) -> None:
    if not row.package:
        return  # of Keras, which says itself what it needs
    try:
        metadata.version(row.package)
    except metadata.PackageNotFoundError as error:
        raise MissingPackageError(
            f"Models in {row.name} format need a package more. Install it with: "
            f"pip install {row.package}"
        ) from error


def _joined(parts: Sequence[dict[str, np.ndarray]], name: str) -> np.ndarray | None:
    return np.concatenate([part[name] for part in parts]) if name in parts[0] else None


def _nonsense() -> ModelError:
    return ModelError(
        "The process that runs the model answered something that cannot be understood. Do not "
        "trust the file; get it again from somebody you trust."
    )
