"""A result as HTML, for notebooks: one self-contained fragment, every text escaped."""

from __future__ import annotations

from html import escape

from accel_sim.config.units import format_si
from accel_sim.results.bottleneck import bottleneck
from accel_sim.results.canvas import PALETTE
from accel_sim.results.record import OperatorRecord
from accel_sim.results.result import Result, Stage
from accel_sim.results.summary import OPERATORS_SHOWN, headline, title

# Colours with an alpha, and those of the text around, suit light and dark pages.
_LINE = "1px solid rgba(128,128,128,.35)"
_CELL = "padding:2px 10px 2px 0;text-align:{};border:0;white-space:nowrap"


def card(result: Result) -> str:
    """Return headline figures, the operators that take longest, energy by component, and notes."""
    stages = "" if len(result.stages) == 1 else f" &middot; {len(result.stages)} stages"
    return (
        f'<div style="font-family:sans-serif;font-size:13px;line-height:1.45;max-width:900px;border:{_LINE};'
        'border-radius:8px;padding:12px 16px">'
        f'<div style="font-size:15px;font-weight:600">{escape(title(result))}</div>'
        f'<div style="opacity:.65;margin-bottom:8px">{escape(result.design.description)} &middot; '
        f"{escape(result.fidelity)}{stages}</div>"
        f"{_figures(result)}{_energy(result)}{_operators(result)}{_notes(result)}</div>"
    )


def _figures(result: Result) -> str:
    cells = "".join(
        f'<div style="margin:0 22px 8px 0"><div style="opacity:.65;font-size:11px">{escape(name)}</div>'
        f'<div style="font-size:17px;font-weight:600">{escape(value)}</div></div>'
        for name, value in headline(result)
    )
    return f'<div style="display:flex;flex-wrap:wrap">{cells}</div>'


def _energy(result: Result) -> str:
    """Return a bar of energy by component, with a legend."""
    total = result.energy_j
    if not total:
        return ""
    parts = [(name, sum(kinds.values())) for name, kinds in result.energy_breakdown().items()]
    colored = [(*part, PALETTE[index % len(PALETTE)]) for index, part in enumerate(parts) if part[1] > 0]
    segments = "".join(
        f'<div title="{escape(name)} {escape(format_si(joules, "J"))}" '
        f'style="width:{100 * joules / total:.3f}%;background:{color}"></div>'
        for name, joules, color in colored
    )
    legend = "".join(
        f'<span style="margin-right:14px;white-space:nowrap"><span style="color:{color}">&#9632;</span> '
        f"{escape(name)} {joules / total:.1%}</span>"
        for name, joules, color in colored
    )
    return (
        '<div style="opacity:.65;font-size:11px">energy by component</div>'
        f'<div style="display:flex;height:10px;border-radius:3px;overflow:hidden;margin:3px 0">{segments}</div>'
        f'<div style="font-size:11px;margin-bottom:8px">{legend}</div>'
    )


def _operators(result: Result) -> str:
    ranked = sorted(
        ((stage, record) for stage in result.stages for record in stage.records),
        key=lambda pair: -pair[0].weight * pair[1].latency_s,
    )
    shown, rest = ranked[:OPERATORS_SHOWN], ranked[OPERATORS_SHOWN:]
    several = len(result.stages) > 1
    rows = [
        _row(result, _name(stage, record, several), *_figures_of(result, stage, record))
        for stage, record in shown
    ]
    if rest:
        latency_s = sum(stage.weight * record.latency_s for stage, record in rest)
        rows.append(_row(result, f"other ({len(rest)})", latency_s, ""))
    heads = zip(("operator", "latency", "share", "bottleneck"), ("left", "right", "left", "left"), strict=True)
    head = "".join(
        f'<th style="{_CELL.format(align)};font-weight:400;opacity:.65;font-size:11px">{name}</th>'
        for name, align in heads
    )
    return (
        f'<table style="border-collapse:collapse;font-size:12px;margin:0"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _name(stage: Stage, record: OperatorRecord, several: bool) -> str:
    times = f" ×{record.repeat}" if record.repeat > 1 else ""
    return f"{stage.name}: {record.name}{times}" if several else record.name + times


def _figures_of(result: Result, stage: Stage, record: OperatorRecord) -> tuple[float, str]:
    return stage.weight * record.latency_s, bottleneck(record, result.design)


def _row(result: Result, name: str, latency_s: float, words: str) -> str:
    share = latency_s / result.latency_s if result.latency_s else 0.0
    bar = (
        f'<span style="display:inline-block;width:{80 * min(max(share, 0.0), 1.0):.1f}px;height:8px;'
        f'background:{PALETTE[0]};border-radius:2px;margin-right:6px"></span>{share:.1%}'
    )
    cells = (
        (escape(name), "left"),
        (escape(format_si(latency_s, "s")), "right"),
        (bar, "left"),
        (escape(words), "left"),
    )
    return "<tr>" + "".join(f'<td style="{_CELL.format(align)}">{text}</td>' for text, align in cells) + "</tr>"


def _notes(result: Result) -> str:
    return "".join(
        f'<div style="margin-top:6px;font-size:12px">&#9888; {escape(note)}</div>' for note in result.notes
    )
