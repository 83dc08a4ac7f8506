"""Every setting, its environment variable and its default, in one place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from deepfake.errors import SettingError

ENVIRONMENT_PREFIX = "DEEPFAKE_"
# What a Hugging Face Space and Gradio's own documentation set; ours come first.
ALSO_READ = {"host": "GRADIO_SERVER_NAME", "port": "GRADIO_SERVER_PORT"}


@dataclass(frozen=True)
class Settings:
    """What an operator can decide. Each field `name` is set by `DEEPFAKE_NAME`.

    `host` and `port` are also taken from `GRADIO_SERVER_NAME` and `GRADIO_SERVER_PORT`.

    Attributes:
        model: str. The model that is used when none is named: "default" or a path.
        max_bytes: int. Largest file that is read, in bytes.
        max_pixels: int. Largest picture that is decoded, in pixels (width × height).
        max_faces: int. How many faces of one picture are judged, the largest first.
        min_face: int. Side in pixels of the smallest face that is judged.
        interpreters: int. How many predictions run at the same time (pool size per model).
        threads: int. Threads of one prediction.
        host: str. Address that the page listens on.
        port: int. Port that the page listens on.
    """

    model: str = "default"
    max_bytes: int = 20_000_000
    max_pixels: int = 40_000_000
    max_faces: int = 32
    min_face: int = 40
    interpreters: int = 2
    threads: int = 2
    host: str = "127.0.0.1"
    port: int = 7860

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int) and value < (0 if field.name == "port" else 1):
                raise SettingError(
                    f"{_variable(field.name)} must be at least 1. Received: {value}."
                )
        if self.port > 65535:
            raise SettingError(f"{_variable('port')} must be at most 65535. Received: {self.port}.")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings from environment variables; unset or empty ones keep the default.

        Args:
            environment: Mapping. Names to values. Defaults to the process's environment.

        Raises:
            SettingError: a number is not a number or is out of range.
        """
        values: dict[str, str | int] = {}
        for field in fields(cls):
            variable = _variable(field.name)
            if not environment.get(variable, "").strip():
                variable = ALSO_READ.get(field.name, variable)
            text = environment.get(variable, "").strip()
            if not text:
                continue
            if isinstance(field.default, int):
                values[field.name] = _whole_number(variable, text)
            else:
                values[field.name] = text
        return cls(**values)  # type: ignore[arg-type]


def models_folder() -> Path:
    """Folder of the shipped models: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).resolve().parent
    inside = package / "models"
    return inside if inside.is_dir() else package.parent / "models"


def _variable(name: str) -> str:
    return ENVIRONMENT_PREFIX + name.upper()


def _whole_number(variable: str, text: str) -> int:
    try:
        return int(text.replace("_", ""))
    except ValueError:
        raise SettingError(f"{variable} must be a whole number. Received: {text!r}.") from None
