"""The models that visitors can choose from."""

from __future__ import annotations

from deepfake.detector import Detector
from deepfake.errors import ModelError, ModelNotFoundError
from deepfake.manifest import ModelManifest
from deepfake.modelstore.hub.address import HUB, is_address
from deepfake.modelstore.located import locate
from deepfake.modelstore.safety.kinds import kind_of
from deepfake.settings import Settings
from deepfake.shelf import Shelf


def refuse_programs(name: str, settings: Settings) -> None:
    """Refuse a model that a visitor typed, where its file is a program.

    Args:
        name: str. What `load_model` takes.
        settings: Settings. Where to look, and limits.

    Raises:
        ModelError: it is one, or it is not there.
    """
    row = kind_of(locate(name, settings).file)
    if row.is_program:
        raise ModelError(
            f"The model {name} is a {row.name}, which only the operator of this page may "
            "choose. Save it with model.save('model.keras'), and name that.",
            path=name,
        )


class Choices:
    """Labels of models, as visitors see them, and what is behind them.

    Visitors never see nor send the names that the operator gave: they are paths of the server.

    Args:
        shelf: Shelf. The models.

    Raises:
        ModelError: none of the models can be used.
    """

    def __init__(self, shelf: Shelf):
        self.shelf = shelf
        self._names = {shelf.title(name): name for name in shelf.names}
        self.default = self._first_usable()

    @property
    def labels(self) -> list[str]:
        """Name and version of each model, the operator's first choice first."""
        return list(self._names)

    @property
    def can_type(self) -> bool:
        """Whether a visitor may name a model that is not among them."""
        return self.shelf.settings.model_field != "no"

    def name(self, label: str | None) -> str:
        """What the shelf calls a model.

        Args:
            label: str. One of `labels`, the same without its version, the name in the manifest, or
                what a visitor typed; nothing for the default.

        Raises:
            ModelError: it is not one of them, and visitors may not name others of its kind.
        """
        label = (label or "").strip() or self.default
        if label in self._names:
            return self._names[label]
        for name in self._names.values():
            if self.shelf.means(label, name):
                return name
        allowed = self.shelf.settings.model_field
        if allowed == "paths" or (allowed == "yes" and is_address(label)):
            return label
        more = f", or name one on the Hub as {HUB}owner/repository" if allowed == "yes" else ""
        raise ModelNotFoundError(
            f"There is no model {label!r} here. Choose from: {', '.join(self._names)}{more}."
        )

    def detector(self, label: str | None) -> Detector:
        """The Detector of a model.

        Raises:
            ModelError: as of `name`, or it cannot be used.
        """
        return self.shelf.detector(self.name(label))

    def manifest(self, label: str | None) -> ModelManifest:
        """The manifest of a model.

        Raises:
            ModelError: as of `detector`.
        """
        return self.shelf.manifest(self.name(label))

    def is_ready(self, label: str | None) -> bool:
        """Whether the model is in memory."""
        return self.name(label) in self.shelf.loaded

    def _first_usable(self) -> str:
        problems = []
        for label, name in self._names.items():
            try:
                self.shelf.detector(name)
            except ModelError as error:
                sentence = str(error)
                problems.append(sentence if name in sentence else f"{name}: {sentence}")
                continue
            return label
        raise ModelError(" ".join(problems))
