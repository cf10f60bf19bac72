"""Reading standards: shipped ones by preset name, others by path; every error names file, line and path."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from accel_sim.config import Document, InputError, check, did_you_mean, load_document
from accel_sim.hardware.dram.standard import Standard
from accel_sim.hardware.dram.tables import ResolvedPreset, resolve

STANDARDS = Path(__file__).parent / "standards"
_MERGED = ("counts", "timings")


def load_standard(path: Path | str) -> Standard:
    """Return the standard of a YAML file, every preset of it checked.

    Raises:
        InputError: the file or one of its presets is malformed or illegal.
    """
    return _load(Path(path))[0]


def load_preset(name: str, folder: Path = STANDARDS) -> ResolvedPreset:
    """Return a preset by name with its timing table in clocks.

    Args:
        name: such as `DDR4-3200`; unique over the files of the folder.
        folder: where the YAML files are.

    Raises:
        InputError: no preset has that name, or its file is wrong.
    """
    presets = all_presets(folder)
    if name not in presets:
        raise InputError(f"unknown DRAM preset '{name}'{did_you_mean(name, presets)}")
    return presets[name]


@lru_cache(maxsize=8)
def all_presets(folder: Path = STANDARDS) -> Mapping[str, ResolvedPreset]:
    """Return every preset of a folder by name.

    Raises:
        InputError: a file is wrong, or two give the same name.
    """
    found: dict[str, ResolvedPreset] = {}
    for path in sorted(folder.glob("*.yaml")):
        for name, preset in _load(path)[1].items():
            if name in found:
                raise InputError(f"{path.name}: preset '{name}' is also one of {found[name].standard.name}")
            found[name] = preset
    return found


def _load(path: Path) -> tuple[Standard, dict[str, ResolvedPreset]]:
    document = load_document(path, path.name if path.parent == STANDARDS else None)
    document = document.with_data(_with_bases(document))
    standard = check(Standard, document)
    return standard, {name: resolve(standard, name, document) for name in standard.presets}


def _with_bases(document: Document) -> Any:
    """Return the data with `extends` followed, so that every preset is complete."""
    data = document.data
    presets = data.get("presets") if isinstance(data, dict) else None
    if not isinstance(presets, dict):
        return data
    complete: dict[Any, Any] = {}

    def completed(name: Any, seen: tuple[Any, ...]) -> Any:
        if name in complete:
            return complete[name]
        own = presets[name]
        if not isinstance(own, dict) or not isinstance(own.get("extends"), str):
            complete[name] = own
            return own
        base = own["extends"]
        if base not in presets or base in seen:
            problem = (
                "leads back to itself"
                if base in seen
                else f"is not a preset{did_you_mean(base, map(str, presets))}"
            )
            raise document.error(("presets", name, "extends"), f"'{base}' {problem}")
        above = completed(base, (*seen, name))
        if not isinstance(above, dict):
            complete[name] = own
            return own
        merged = {**above, **own}
        for key in _MERGED:
            if isinstance(above.get(key), dict) and isinstance(own.get(key), dict):
                merged[key] = {**above[key], **own[key]}
        complete[name] = merged
        return merged

    for name in presets:
        completed(name, (name,))
    return {**data, "presets": complete}
