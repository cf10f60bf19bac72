from __future__ import annotations

from pathlib import Path

import pytest

from accel_sim.config.errors import InputError
from accel_sim.validation.trust import insert, trust_table

README = Path(__file__).resolve().parents[2] / "README.md"


def test_the_error_table_of_the_readme_is_what_the_suites_say() -> None:
    text = README.read_text(encoding="utf-8")
    assert insert(text, trust_table()) == text


def test_a_readme_without_markers_is_refused() -> None:
    with pytest.raises(InputError, match="not there in this order"):
        insert("nothing here", "table")
