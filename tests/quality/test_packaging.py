from __future__ import annotations

import configparser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def declared() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def test_every_package_of_the_tree_is_declared() -> None:
    packages = set(declared()["options"]["packages"].split())
    found = {
        ".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "accel_sim").rglob("__init__.py")
    }
    assert found == {name for name in packages if not name.startswith("accel_sim.zoo.")}


def test_the_version_is_the_same_everywhere() -> None:
    import accel_sim

    assert declared()["metadata"]["version"] == accel_sim.__version__
    assert f"## {accel_sim.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_nothing_names_a_path_of_one_machine() -> None:
    words = ("/" + "work/", "/" + "root/", ".." + "/shared")
    for path in ROOT.rglob("*"):
        inside = path.relative_to(ROOT).parts
        if inside[0] in (".git", ".venv", "build") or path.suffix not in (
            ".py",
            ".md",
            ".yaml",
            ".cfg",
            ".ipynb",
        ):
            continue
        text = path.read_text(encoding="utf-8")
        assert not [word for word in words if word in text], path
