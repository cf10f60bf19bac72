"""The commands and their options. What a command does is imported when it runs, so that help is quick."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from accel_sim import __version__
from accel_sim.cli.options import (
    AsJson,
    Batch,
    Cluster,
    Context,
    Fidelity,
    Folder,
    Output,
    Phase,
    PhaseOptions,
    Prompt,
    Sequence_,
    Settings,
    ShardOf,
    Workers,
)
from accel_sim.config.errors import AccelSimError, one_line

app = typer.Typer(
    name="accel-sim",
    help="Describe an accelerator in YAML, point it at a model: cycles, joules and mm².",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

LOOK, SIMULATE, EXPLORE, TRUST = "What is there", "Simulate", "Explore", "Trust"


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"accel-sim {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Print the traceback of an error.")] = False,
) -> None:
    """Take the options before the command; `main` has taken `--debug` out wherever it stood."""


@app.command("list", rich_help_panel=LOOK)
def list_(
    kind: Annotated[
        str,
        typer.Argument(help="designs, workloads, sweeps, searches, lotteries, papers, components or suites."),
    ],
    as_json: AsJson = False,
) -> None:
    """Names and descriptions of what is shipped."""
    from accel_sim.cli import listing

    listing.list_kind(kind, as_json)


@app.command(rich_help_panel=LOOK)
def show(
    name: Annotated[str, typer.Argument(help="A design or a workload: shipped name or file.")],
    phase: Phase = None,
    batch: Batch = None,
    sequence: Sequence_ = None,
    context: Context = None,
    prompt: Prompt = None,
    output: Output = None,
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """A design's blocks, peak, area and power; or a workload's parameters, MACs and bytes."""
    from accel_sim.cli import show as show_

    options = PhaseOptions(phase, batch, sequence, context, prompt, output)
    show_.show(name, options, settings or [], as_json)


@app.command(rich_help_panel=LOOK)
def tech(
    unit: Annotated[
        str | None, typer.Argument(help="What to price, such as mac, add or sram; nothing lists them all.")
    ] = None,
    subject: Annotated[
        str | None, typer.Argument(help="Its formats or size: bf16xbf16+fp32, int8, '512 KiB', hbm2e.")
    ] = None,
    node: Annotated[str, typer.Option(metavar="NM", help="Technology node.")] = "45",
    voltage: Annotated[
        str | None, typer.Option(metavar="V", help="Supply; the node's own if left out.")
    ] = None,
    clock: Annotated[str | None, typer.Option(metavar="HZ", help="Build it for a clock, such as 1GHz.")] = None,
    activity: Annotated[float, typer.Option(help="Output transitions of a cell in one use.")] = 0.5,
    width: Annotated[float | None, typer.Option(metavar="BITS", help="sram: bits of an access.")] = None,
    banks: Annotated[float | None, typer.Option(metavar="N", help="sram: equal banks.")] = None,
    terms: Annotated[float | None, typer.Option(metavar="N", help="dot, tree: values summed.")] = None,
    entries: Annotated[float | None, typer.Option(metavar="N", help="lut, regfile: words.")] = None,
    readers: Annotated[float | None, typer.Option(metavar="N", help="lut, regfile: read ports.")] = None,
    ways: Annotated[float | None, typer.Option(metavar="N", help="select: words to choose from.")] = None,
    places: Annotated[float | None, typer.Option(metavar="N", help="shift: farthest shift.")] = None,
    sum_: Annotated[
        float | None, typer.Option("--sum", metavar="BITS", help="serial: bits of the sum.")
    ] = None,
    ports: Annotated[float | None, typer.Option(metavar="N", help="router: ports.")] = None,
    flits: Annotated[float | None, typer.Option(metavar="N", help="router: flits a buffer holds.")] = None,
    as_json: AsJson = False,
) -> None:
    """Energy, area and leakage of arithmetic, memories, links and wires."""
    from accel_sim.cli import tech as tech_

    options = {
        "width": width,
        "banks": banks,
        "terms": terms,
        "entries": entries,
        "readers": readers,
        "ways": ways,
        "places": places,
        "sum": sum_,
        "ports": ports,
        "flits": flits,
    }
    tech_.tech(unit, subject, tech_.At(node, voltage, clock, activity), options, as_json)


@app.command(rich_help_panel=SIMULATE)
def run(
    design: Annotated[str, typer.Argument(help="Shipped name or file.")],
    workload: Annotated[str, typer.Argument(help="Shipped name or file (YAML, config.json, topology CSV).")],
    phase: Phase = None,
    batch: Batch = None,
    sequence: Sequence_ = None,
    context: Context = None,
    prompt: Prompt = None,
    output: Output = None,
    settings: Settings = None,
    fidelity: Fidelity = "tile",
    json_file: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE|-", help="Write all figures as JSON; - prints only them."),
    ] = None,
    trace: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a timeline for ui.perfetto.dev.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the table of operators.")] = None,
) -> None:
    """Latency, energy and area of a workload on a design, operator by operator."""
    from accel_sim.cli import run as run_

    options = PhaseOptions(phase, batch, sequence, context, prompt, output)
    run_.run(design, workload, options, settings or [], fidelity, run_.Files(json_file, trace, csv))


@app.command(rich_help_panel=SIMULATE)
def compare(
    designs: Annotated[list[str], typer.Argument(help="Two or more designs; ratios are to the first.")],
    workload: Annotated[str, typer.Option("--workload", "-w", help="Shipped name or file.")],
    phase: Phase = None,
    batch: Batch = None,
    sequence: Sequence_ = None,
    context: Context = None,
    prompt: Prompt = None,
    output: Output = None,
    settings: Settings = None,
    fidelity: Fidelity = "tile",
    iso: Annotated[
        str | None,
        typer.Option(
            metavar="area|power|peak", help="Scale the other designs until they equal the first in it."
        ),
    ] = None,
    scale: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[DESIGN=]PATH",
            help="What --iso scales, such as npu.count, in all designs or in one; by default the number of "
            "matrix units. Repeatable.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """One workload on several designs, side by side; with --iso at equal area, power or peak."""
    from accel_sim.cli import compare as compare_

    options = PhaseOptions(phase, batch, sequence, context, prompt, output)
    equal = compare_.Equal(iso, tuple(scale or ()))
    compare_.compare(designs, workload, options, settings or [], fidelity, equal, as_json)


@app.command(rich_help_panel=EXPLORE)
def sweep(
    file: Annotated[str, typer.Argument(help="A sweep file, or the name of a shipped sweep.")],
    workers: Workers = None,
    output: Folder = None,
    restart: Annotated[bool, typer.Option("--restart", help="Forget finished points.")] = False,
    cluster: Cluster = None,
    shard: ShardOf = None,
    as_json: AsJson = False,
) -> None:
    """Every point of a grid; a killed sweep goes on where it was."""
    from accel_sim.cli import places
    from accel_sim.cli import sweep as sweep_

    where = places.Where(workers, output, restart, cluster)
    if shard is not None:
        from accel_sim.cli import shards

        shards.sweep(file, shard, where, as_json)
    else:
        sweep_.sweep(file, where, as_json)


@app.command(rich_help_panel=EXPLORE)
def search(
    file: Annotated[str, typer.Argument(help="A search file, or the name of a shipped search.")],
    workers: Workers = None,
    output: Folder = None,
    restart: Annotated[bool, typer.Option("--restart", help="Forget what was found.")] = False,
    budget: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Distinct designs, in place of the file's.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, metavar="N", help="In place of the file's.")] = None,
    cluster: Cluster = None,
    shard: ShardOf = None,
    as_json: AsJson = False,
) -> None:
    """The best designs of a space; a killed search goes on where it was."""
    from accel_sim.cli import places
    from accel_sim.cli import search as search_

    where = places.Where(workers, output, restart, cluster)
    if shard is not None:
        from accel_sim.cli import shards

        shards.search(file, shard, where, budget, seed, as_json)
    else:
        search_.search(file, where, budget, seed, as_json)


@app.command(rich_help_panel=EXPLORE)
def merge(
    folders: Annotated[list[str], typer.Argument(help="Folders with the files of all shards.")],
    file: Annotated[
        str | None, typer.Option("--file", metavar="FILE", help="Where the sweep or search file is now.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Folder of the results; else the first one."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """One result of a sweep or search that ran in shards, as one run would give."""
    from accel_sim.cli import shards

    shards.merge(folders, file, output, as_json)


@app.command(rich_help_panel=EXPLORE)
def lottery(
    file: Annotated[str, typer.Argument(help="A lottery file, or the name of a shipped lottery.")],
    workers: Workers = None,
    output: Folder = None,
    restart: Annotated[bool, typer.Option("--restart", help="Forget finished runs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Samplers and their settings against random search, at equal budgets; what is luck, and what is not."""
    from accel_sim.cli import lottery as lottery_

    lottery_.lottery(file, workers, output, restart, as_json)


@app.command(rich_help_panel=EXPLORE)
def surrogate(
    table: Annotated[Path, typer.Argument(help="A folder of results, or a CSV file of designs.")],
    metrics: Annotated[
        list[str] | None, typer.Option("--metric", metavar="COLUMN", help="Predict only this. Repeatable.")
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="COLUMN", help="Predict only from this. Repeatable."),
    ] = None,
    order: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="When a design was met; by default `trial` and such.")
    ] = None,
    kinds: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="KIND", help="Choose only from this kind of model. Repeatable."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Folder of the report; DIR/surrogate by default."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """A model of what designs cost: its errors, its learning curve, its speed."""
    from accel_sim.cli import surrogate as surrogate_

    roles = surrogate_.Roles(tuple(inputs or ()), tuple(metrics or ()), order)
    surrogate_.surrogate(table, roles, tuple(kinds or ()), seed, output, as_json)


@app.command(rich_help_panel=EXPLORE)
def report(
    folder: Annotated[Path, typer.Argument(metavar="RESULTS_DIR", help="The folder of a search or a sweep.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="By default report.html in the folder."),
    ] = None,
) -> None:
    """The results of a search or sweep as one HTML page that needs nothing else."""
    from accel_sim.cli import report as report_

    report_.report(folder, output)


@app.command("export-study", rich_help_panel=EXPLORE)
def export_study(
    folder: Annotated[Path, typer.Argument(metavar="RESULTS_DIR", help="The folder of a search.")],
    storage: Annotated[str, typer.Option(metavar="sqlite:///FILE|journal:FILE", help="Where the study goes.")],
    name: Annotated[str | None, typer.Option(help="Of the study; by default that of the search.")] = None,
) -> None:
    """A search as an Optuna study, for optuna-dashboard."""
    from accel_sim.cli import report as report_

    report_.export_study(folder, storage, name)


@app.command(rich_help_panel=TRUST)
def validate(
    suite: Annotated[str, typer.Argument(help="Name of a suite, from `accel-sim list suites`.")],
    reference: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Measurements of your own, in the suite's columns.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Our figures against measured or register-level ones."""
    from accel_sim.cli import validate as validate_

    validate_.validate(suite, reference, as_json)


@app.command(rich_help_panel=TRUST)
def reproduce(
    paper: Annotated[str | None, typer.Argument(help="A shipped paper or a file; nothing lists them.")] = None,
    as_json: AsJson = False,
) -> None:
    """The claims of a paper, ours beside what is published; exit code 1 when a gated one fails."""
    from accel_sim.cli import reproduce as reproduce_

    if paper is None:
        reproduce_.list_papers(as_json)
    else:
        reproduce_.reproduce_paper(paper, as_json)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 1 for a failed run, 2 for bad input, 130 for Ctrl-C."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no µ shows ? instead
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        code = app(arguments, prog_name="accel-sim", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except SystemExit as error:
        # rich and typer leave this way when the reader of a pipe has gone.
        return error.code if isinstance(error.code, int) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if debug:
            traceback.print_exc()
        message, code = _explain(error)
        print(message, file=sys.stderr)
        return code


def _explain(error: Exception) -> tuple[str, int]:
    """Return the line to print for an error, and the exit code."""
    if isinstance(error, AccelSimError):
        return str(error), error.exit_code
    if isinstance(error, typer.Abort):
        return "interrupted", 130
    if callable(getattr(error, "format_message", None)):  # typer's own: a wrong option, a missing argument
        context = getattr(error, "ctx", None)
        hint = f" (see '{context.command_path} --help')" if context else ""
        return one_line(f"{error.format_message().strip().rstrip('.')}{hint}"), getattr(error, "exit_code", 2)  # type: ignore[attr-defined]
    if isinstance(error, OSError) and error.filename:
        return one_line(f"{error.filename}: {error.strerror}"), 1
    return one_line(f"internal error: {type(error).__name__}: {error} (--debug prints the traceback)"), 1
