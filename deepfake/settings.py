"""Every setting, its environment variable and its default, in one place."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from dataclasses import field as attribute
from pathlib import Path

from deepfake.errors import SettingError

ENVIRONMENT_PREFIX = "DEEPFAKE_"
# What hosts (PORT), Hugging Face Spaces and Gradio's own documentation set; ours come first. A host
# that sets PORT sends visitors nowhere else, so it comes before Gradio's.
ALSO_READ = {
    "host": ("GRADIO_SERVER_NAME",),
    "port": ("PORT", "GRADIO_SERVER_PORT"),
    "share": ("GRADIO_SHARE",),
    "root_path": ("GRADIO_ROOT_PATH",),
}
YES_OR_NO = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
MAY_BE_0 = ("port", "decoders")
MODEL_FIELDS = ("no", "yes", "paths")
LOG_FORMATS = ("text", "json")


@dataclass(frozen=True)
class Settings:
    """What an operator can decide. Each field `name` is set by `DEEPFAKE_NAME`.

    What others set is taken, too, where ours is not set: `PORT` and `GRADIO_SERVER_PORT` for
    `port`, `GRADIO_SERVER_NAME` for `host`, `GRADIO_SHARE` and `GRADIO_ROOT_PATH`.

    Attributes:
        model: str. The model that is used when none is named: "default", a path or an address
            on the Hub.
        models: str. Further models of the page, with commas between.
        model_field: str. Whether visitors may type a model: "no", "yes" for addresses on the Hub
            only, "paths" also for files of this machine.
        loaded_models: int. How many models are kept in memory, the last used ones.
        max_model_bytes: int. Largest model file that is opened or fetched, in bytes.
        cache: str. Folder for what is made of model files, to be made once. Defaults to
            `deepfake` in the user's cache folder.
        max_bytes: int. Largest file that is read, in bytes.
        max_pixels: int. Largest picture that is worked on, in pixels (width × height). Larger ones
            are read smaller, where that takes no more memory.
        max_video_bytes: int. Largest video that is read, in bytes.
        max_video_seconds: int. Longest video that is read, in seconds.
        max_video_side: int. Longest side of a video that is read, in pixels.
        max_faces: int. How many faces of one picture are judged, the largest first.
        min_face: int. Side in pixels of the smallest face that is judged.
        decoders: int. How many child processes decode pictures, within limits of time and memory;
            none for 0, where pictures are decoded in the process itself. The page has as many as
            `interpreters` where it is not set.
        decode_seconds: int. Processor time that a decoder may take for a file.
        decode_memory: int. Memory that a decoder may take for a file, in bytes.
        interpreters: int. How many predictions run at the same time (pool size per model).
        threads: int. Threads of one prediction.
        rate_limit: str. How many analyses a visitor has, such as "5/minute;100/day", or "off".
            Where it is not set: 5/minute, and none on a page that only this machine can reach.
        redis_url: str. Redis in which replicas count together; without it each counts by itself.
        rate_limit_fallback: str. What happens while that Redis is away: "local" counts by itself,
            "deny" refuses analyses.
        trusted_proxies: str. Addresses or networks of proxies, with commas between, that are
            believed about where a visitor comes from. On a Space those of Hugging Face.
        max_queue: int. How many analyses may wait for their turn.
        max_per_visitor: int. How many analyses of a visitor may wait or run at the same time, where
            analyses are limited.
        analysis_seconds: int. How long a visitor waits for an analysis at most, from its place in
            the queue to its answer; then it is stopped.
        max_many: int. How many photos the tab Many files takes at a time.
        host: str. Address that the page listens on.
        port: int. Port that the page listens on.
        share: bool. Whether the page also gets a temporary public address.
        auth: str. File with a `user:password` a line; empty to let everybody in.
        misjudged: str. Folder that keeps photos with a wrong verdict which somebody reports on the
            page or with `deepfake misjudged add`; "off" for none. Where it is not set: `deepfake/
            misjudged` in the user's folder for data, and none on a page that others can reach.
        root_path: str. Where a proxy puts the page, such as "/deepfake", or its whole address.
        mcp: bool. Whether assistants can ask, too, at /mcp.
        allowed_sites: str. Other sites, with commas between, such as "https://www.example.org",
            that may show the page in a frame and have their scripts ask it, without sign-ins. On a
            Space Hugging Face may.
        log: str. "text", or "json" for a line of JSON for each message and each answer.
        metrics: str. Address and port for Prometheus, such as "127.0.0.1:9464"; empty for none.
    """

    model: str = "default"
    models: str = ""
    model_field: str = "no"
    loaded_models: int = 3
    max_model_bytes: int = 1_000_000_000
    cache: str = ""
    max_bytes: int = 50_000_000
    max_pixels: int = 40_000_000
    max_video_bytes: int = 100_000_000
    max_video_seconds: int = 300
    max_video_side: int = 4096
    max_faces: int = 32
    min_face: int = 40
    decoders: int = 0
    decode_seconds: int = 10
    decode_memory: int = 1_500_000_000
    interpreters: int = 2
    threads: int = 2
    rate_limit: str = ""
    # May hold a password.
    redis_url: str = attribute(default="", repr=False)
    rate_limit_fallback: str = "local"
    trusted_proxies: str = ""
    max_queue: int = 20
    max_per_visitor: int = 2
    analysis_seconds: int = 120
    max_many: int = 100
    host: str = "127.0.0.1"
    port: int = 7860
    share: bool = False
    auth: str = ""
    root_path: str = ""
    mcp: bool = False
    misjudged: str = ""
    allowed_sites: str = ""
    log: str = "text"
    metrics: str = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int):
                continue
            least = 0 if field.name in MAY_BE_0 else 1
            if value < least:
                raise SettingError(
                    f"{_variable(field.name)} must be at least {least}. Received: {value}."
                )
        if self.model_field not in MODEL_FIELDS:
            raise SettingError(
                f"{_variable('model_field')} must be one of {', '.join(MODEL_FIELDS)}. "
                f"Received: {self.model_field!r}."
            )
        if self.root_path and not self.root_path.startswith(("/", "http://", "https://")):
            raise SettingError(
                f"{_variable('root_path')} must start with / or https://, such as /deepfake. "
                f"Received: {self.root_path!r}."
            )
        if self.log not in LOG_FORMATS:
            raise SettingError(
                f"{_variable('log')} must be one of {', '.join(LOG_FORMATS)}. "
                f"Received: {self.log!r}."
            )
        if self.port > 65535:
            raise SettingError(f"{_variable('port')} must be at most 65535. Received: {self.port}.")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings from environment variables; unset or empty ones keep the default.

        Args:
            environment: Mapping. Names to values. Defaults to the process's environment.

        Raises:
            SettingError: a number is not a number or is out of range, or a variable is not ours.
        """
        known = [_variable(field.name) for field in fields(cls)]
        for name in environment:
            if name.startswith(ENVIRONMENT_PREFIX) and name not in known:
                raise SettingError(
                    f"There is no setting {name}{_nearest(name, known)}: correct the name, or "
                    "unset it."
                )
        values: dict[str, str | int | bool] = {}
        for field in fields(cls):
            names = (_variable(field.name), *ALSO_READ.get(field.name, ()))
            variable = next((name for name in names if environment.get(name, "").strip()), None)
            if variable is None:
                continue
            text = environment[variable].strip()
            if isinstance(field.default, bool):
                values[field.name] = _yes_or_no(variable, text)
            elif isinstance(field.default, int):
                values[field.name] = _whole_number(variable, text)
            else:
                values[field.name] = text
        return cls(**values)  # type: ignore[arg-type]


def cache_folder(settings: Settings) -> Path:
    """Folder for what is made once of model files (XDG Base Directory Specification)."""
    if settings.cache:
        return Path(settings.cache).expanduser()
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "deepfake"


def models_folder() -> Path:
    """Folder of the shipped models: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).resolve().parent
    inside = package / "models"
    return inside if inside.is_dir() else package.parent / "models"


def _nearest(name: str, known: Sequence[str]) -> str:
    # Without what they all begin with, which would make any two of them alike.
    by_rest = {one.removeprefix(ENVIRONMENT_PREFIX): one for one in known}
    rest = name.removeprefix(ENVIRONMENT_PREFIX).upper()
    for match in difflib.get_close_matches(rest, by_rest, n=1, cutoff=0.6):
        return f". The nearest one is {by_rest[match]}"
    return ", nor one like it (docs/hosting.md says who sets such)"


def _variable(name: str) -> str:
    return ENVIRONMENT_PREFIX + name.upper()


def _yes_or_no(variable: str, text: str) -> bool:
    try:
        return YES_OR_NO[text.lower()]
    except KeyError:
        raise SettingError(f"{variable} must be yes or no. Received: {text!r}.") from None


def _whole_number(variable: str, text: str) -> int:
    try:
        return int(text.replace("_", ""))
    except ValueError:
        raise SettingError(f"{variable} must be a whole number. Received: {text!r}.") from None
