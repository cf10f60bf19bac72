"""Searches as Optuna studies: Optuna finds in them what we found."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from importlib.util import find_spec

import optuna
import pytest
from optuna.trial import TrialState

from accel_sim import InputError
from accel_sim.cli import main
from accel_sim.explore.search.domains import Finite, Real
from accel_sim.explore.search.study import distribution, export_study, plain

KINDS = ("sqlite:///", "journal:")


def opened(kind, file):
    if kind == "journal:":
        backend = optuna.storages.journal.JournalFileBackend(str(file))
        return optuna.storages.JournalStorage(backend)
    return f"{kind}{file}"


@pytest.fixture(scope="module", params=KINDS, ids=["sqlite", "journal"])
def study(request, small_search, tmp_path_factory):
    file = tmp_path_factory.mktemp("study") / "study"
    export_study(small_search, f"{request.param}{file}")
    return optuna.load_study(study_name="small_search", storage=opened(request.param, file))


def test_the_study_has_each_evaluated_design_once(study, small_search):
    complete = study.get_trials(states=[TrialState.COMPLETE])
    known = [t for t in small_search.trials if t.score is not None and not t.repeated]
    assert [t.user_attrs["key"] for t in complete] == [t.key for t in known]
    assert [tuple(t.values) for t in complete] == [t.score.values for t in known]
    failed = study.get_trials(states=[TrialState.FAIL])
    assert len(failed) == small_search.count()["failed"]
    assert all(t.user_attrs["error"] for t in failed)
    assert len(study.trials) == len(complete) + len(failed)


def test_optuna_finds_the_same_front_within_the_limits(study, small_search):
    assert [d.name for d in study.directions] == ["MINIMIZE", "MAXIMIZE"]
    assert {t.user_attrs["trial"] for t in study.best_trials} == {t.number for t in small_search.front}


def test_trials_have_their_parameters_metrics_and_baselines(study, small_search):
    of = {t.number: t for t in small_search.trials}
    for trial in study.trials:
        own = of[trial.user_attrs["trial"]]
        if own.codes is not None:
            assert trial.params["scratchpad.capacity [bytes]"] == own.values["scratchpad.capacity"]
            assert trial.params["clock [hertz]"] == own.values["clock"]
            assert ("vector.lanes" in trial.params) == ("vector.lanes" in own.values)
        assert trial.user_attrs.get("baseline", "") == own.name
        if own.score is not None:
            assert trial.user_attrs["area_mm2"] == own.metrics["area_mm2"]
            assert all(v <= 0 for v in trial.constraints.values()) == own.feasible
    named = {t.user_attrs["baseline"] for t in study.trials if "baseline" in t.user_attrs}
    assert named == {t.name for t in small_search.baselines if not t.repeated}


@pytest.mark.parametrize(
    "domain",
    [
        Finite((1, 2, 4, 8, 16), ordered=True),
        Finite((3, 5, 100), ordered=True),
        Finite((0.5, 0.7, 5.0), ordered=True),
        Finite(range(3, 40, 6), ordered=True),
        Finite(("b", "a"), ordered=False),
        Finite((("x", 1), ("y", 2)), ordered=False),
        Finite((7,), ordered=True),
        Finite((True, False), ordered=False),
        Real(0.5, 8.0, log=True),
        Real(0.0, 1.0, log=False),
    ],
    ids=str,
)
def test_a_distribution_holds_every_value_of_its_domain(domain):
    values = domain.values if isinstance(domain, Finite) else (domain.low, domain.high)
    own = distribution(domain)
    assert all(own._contains(own.to_internal_repr(plain(value))) for value in values)


def test_what_cannot_be_written_is_one_line(small_search, tmp_path):
    with pytest.raises(InputError, match=r"must be sqlite:///FILE or journal:FILE"):
        export_study(small_search, "mysql://x/y")
    with pytest.raises(InputError, match="no such folder"):
        export_study(small_search, f"journal:{tmp_path / 'a' / 'b'}")
    storage = f"journal:{tmp_path / 'b'}"
    export_study(small_search, storage)
    with pytest.raises(InputError, match="has a study 'small_search' already"):
        export_study(small_search, storage)
    export_study(small_search, storage, "another")


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def fetched(url, process, seconds=40.0):
    """Return the JSON of a server that is starting."""
    until = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                raise
            time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("optuna_dashboard") is None, reason="optuna-dashboard is not installed")
def test_optuna_dashboard_serves_the_study(small_search, tmp_path, capsys):
    file = tmp_path / "study.journal"
    assert main(["export-study", str(small_search.folder), "--storage", f"journal:{file}"]) == 0
    said = capsys.readouterr().out.splitlines()[-1].split()
    assert said == ["optuna-dashboard", str(file)]
    port = free_port()
    script = shutil.which("optuna-dashboard", path=str(sys.prefix) + "/bin") or "optuna-dashboard"
    command = [sys.executable, script, *said[1:], "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}/api/studies"
        (summary,) = fetched(address, process)["study_summaries"]
        assert summary["study_name"] == "small_search"
        shown = fetched(f"{address}/{summary['study_id']}", process)
        complete = [t for t in shown["trials"] if t["state"] == "Complete"]
        assert len(complete) == sum(t.score is not None and not t.repeated for t in small_search.trials)
    finally:
        process.terminate()
        process.wait(20)
