"""Loading workloads: a shipped name, a YAML file, a Hugging Face `config.json`, or a SCALE-Sim topology.

load_workload("llama3_8b", overrides={"phase.batch": 8})
load_workload("my_model/config.json", phase=Decode(batch=16, context=4096))
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from accel_sim.config import Document, check, did_you_mean, load_document, override, zoo
from accel_sim.workload import hf
from accel_sim.workload.cnn import Cnn
from accel_sim.workload.model import AnyPhase, Formats, ModelSpec
from accel_sim.workload.operator_list import LISTS, OperatorList
from accel_sim.workload.phases import PHASES, Decode
from accel_sim.workload.topology import read_topology
from accel_sim.workload.workload import Published, Workload, phase_error

MODEL_KEYS = ("model", "config", "topology", *LISTS)
DTYPES = {"bfloat16": "bf16", "float16": "fp16", "float32": "fp32"}


class _Header(BaseModel):
    """The keys of a workload file; sections that depend on the model are checked once it is known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str = ""
    source: str = ""
    model: dict[str, Any] | None = None
    config: str | None = None
    gemms: list[Any] | None = None
    convolutions: list[Any] | None = None
    elementwise: list[Any] | None = None
    reductions: list[Any] | None = None
    topology: str | None = None
    formats: dict[str, Any] | None = None
    phase: dict[str, Any] | None = None
    published: Published | None = None


def load_workload(
    name_or_path: str | Path, *, phase: AnyPhase | None = None, overrides: Mapping[str, Any] | None = None
) -> Workload:
    """Return a workload.

    Args:
        name_or_path: name of a shipped workload, or a path: `.yaml`, a `config.json`, a topology `.csv`.
        phase: takes the place of the file's.
        overrides: values by dotted path into the file, such as `phase.batch`, `formats.weights` or
            `model.num_hidden_layers`. Setting `phase.phase` starts from the defaults of that phase.

    Raises:
        InputError: anything wrong with the file or the overrides, with its place.
    """
    overrides = overrides or {}
    inner = {path: value for path, value in overrides.items() if path.partition(".")[0] in MODEL_KEYS}
    outer = {path: value for path, value in overrides.items() if path not in inner}
    document, described = _read(zoo.find("workloads", name_or_path))
    document = override(_restart_phase(_with_defaults(document, described, phase), outer), outer)
    header = check(_Header, document)
    model = _model(override(described, inner))
    return Workload(
        name=header.name,
        description=header.description,
        source=header.source,
        model=model,
        formats=check(Formats, document, ("formats",)),
        phase=_phase(document, model),
        published=header.published,
    )


def _read(path: Path) -> tuple[Document, Document]:
    """Return the workload file, and the document that describes its model: the same, or one it refers to.

    A `config.json` or topology that stands alone gets a workload file with its name.
    """
    if path.suffix == ".csv":
        described = read_topology(path)
        return Document(described.source, {"name": path.stem}, {}), described
    document = load_document(path)
    if not isinstance(document.data, dict):
        raise document.error((), "must be a mapping of keys to values")
    if path.suffix == ".json" or ("model_type" in document.data and "model" not in document.data):
        name = path.parent.name if path.stem == "config" else path.stem
        header = {"name": name, "formats": _config_formats(document)}
        return Document(document.source, header, {}), _config_model(document)
    check(_Header, document)
    given = [key for key in MODEL_KEYS if document.data.get(key) is not None]
    if not given or (len(given) > 1 and not set(given) <= set(LISTS)):
        given_words = " and ".join(given) or "none"
        message = f"exactly one of {', '.join(MODEL_KEYS)} (or several lists) must be given, not {given_words}"
        raise document.error(tuple(given[1:2]), message)
    if given == ["config"]:
        config = load_document(_beside(path, document, "config"))
        formats = _config_formats(config) | (document.data.get("formats") or {})
        return document.with_data(document.data | {"formats": formats}), _config_model(config)
    if given == ["topology"]:
        return document, read_topology(_beside(path, document, "topology"))
    return document, document


def _beside(path: Path, document: Document, key: str) -> Path:
    file = path.parent / str(document.data[key])
    if not file.is_file():
        raise document.error((key,), f"no such file: {file}")
    return file


def _config_model(document: Document) -> Document:
    """Return a Hugging Face configuration as a document with a `model` section."""
    if not isinstance(document.data, dict):
        raise document.error((), "must be a mapping of keys to values")
    lines = {("model", *key): line for key, line in document.lines.items()} | {("model",): 1}
    return hf.tolerate(Document(document.source, {"model": document.data}, lines))


def _config_formats(document: Document) -> dict[str, str]:
    """Return the formats that a Hugging Face configuration's dtype stands for; bf16 where it has none."""
    data = document.data if isinstance(document.data, dict) else {}
    config = data["text_config"] if isinstance(data.get("text_config"), dict) else data
    dtype = config.get("torch_dtype", config.get("dtype"))
    element = DTYPES.get(dtype, "bf16") if isinstance(dtype, str) else "bf16"
    return dict.fromkeys(("weights", "activations", "kv_cache"), element)


def _with_defaults(document: Document, described: Document, phase: AnyPhase | None) -> Document:
    """Return the document with a `formats` and a `phase` section, so that overrides have a place to go."""
    data = dict(document.data)
    if data.get("formats") is None:
        data["formats"] = {}
    if phase is not None:
        data["phase"] = phase.model_dump()
    elif data.get("phase") is None:
        model = described.data.get("model")
        kind = model.get("model_type") if isinstance(model, dict) else None
        decodes = hf.is_transformer(kind) and Decode in hf.family_of(described).phases
        data["phase"] = {"phase": "prefill" if decodes else "inference"}
    return document.with_data(data)


def _restart_phase(document: Document, overrides: Mapping[str, Any]) -> Document:
    """Return the document with only its phase's batch kept, when the overrides choose another phase."""
    asked = overrides.get("phase.phase")
    given = document.data["phase"]
    if asked is None or not isinstance(given, dict) or asked == given.get("phase"):
        return document
    kept = {"phase": asked} | ({"batch": given["batch"]} if "batch" in given else {})
    return document.with_data(document.data | {"phase": kept})


def _model(document: Document) -> ModelSpec:
    model = document.data.get("model")
    if model is None:
        lists = {key: document.data[key] for key in LISTS if document.data.get(key) is not None}
        return check(OperatorList, document.with_data(lists))
    if not isinstance(model, dict):
        raise document.error(("model",), "must be a mapping of keys to values")
    if model.get("model_type") == "cnn":
        return check(Cnn, document, ("model",))
    return hf.read_transformer(document)


def _phase(document: Document, model: ModelSpec) -> AnyPhase:
    data = document.data["phase"]
    if not isinstance(data, dict) or "phase" not in data:
        raise document.error(("phase", "phase"), f"is required (allowed: {', '.join(PHASES)})")
    kind = data["phase"]
    if not isinstance(kind, str) or kind not in PHASES:
        raise document.error(("phase", "phase"), f"unknown phase{did_you_mean(str(kind), PHASES)}")
    if PHASES[kind] not in model.phases:
        raise document.error(("phase", "phase"), phase_error(model, kind))
    return check(PHASES[kind], document, ("phase",))
