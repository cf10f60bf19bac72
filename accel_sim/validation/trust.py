"""The error table of README.md: what each suite compares and what came out.

`python -m accel_sim.validation.trust` writes it between the markers of README.md in the working directory.
"""

from __future__ import annotations

from pathlib import Path

from accel_sim.config.errors import InputError
from accel_sim.validation.suites import SUITES, run_suite

# Sentences of a suite's summary that the table takes; the others are details.
SENTENCES = 2
MARKERS = ("<!-- trust table -->", "<!-- end of trust table -->")


def trust_table() -> str:
    """Return the table in Markdown, from a fresh run of every suite on its shipped reference."""
    lines = ["| suite | compared | outcome |", "|---|---|---|"]
    for name, suite in SUITES.items():
        report = run_suite(name)
        lines.append(f"| `{name}` | {suite.description.rstrip('.')} | {' '.join(report.summary[:SENTENCES])} |")
    return "\n".join(lines)


def insert(text: str, table: str, markers: tuple[str, str] = MARKERS) -> str:
    """Return the text with what stands between the markers replaced.

    Raises:
        InputError: a marker is missing.
    """
    start, end = (text.find(marker) for marker in markers)
    if not 0 <= start < end:
        raise InputError(f"README.md: '{markers[0]}' and '{markers[1]}' are not there in this order")
    return f"{text[: start + len(markers[0])]}\n{table}\n{text[end:]}"


if __name__ == "__main__":
    readme = Path("README.md")
    readme.write_text(insert(readme.read_text(encoding="utf-8"), trust_table()), encoding="utf-8")
