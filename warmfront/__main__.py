"""The command line: up, status, doctor, load, unload, verify, ml, demo."""

import inspect
import json
import signal
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from base import log as logging_setup
from base.errors import WarmfrontError
from base.settings import Settings, load
from warmfront import backends, copies, doctor, instance, learning, verification
from warmfront.demo import Benchmark, demonstrate
from warmfront.progress import progress_shown
from warmfront.status import collect, show
from warmfront.supervisor import Refused, Supervisor

app = typer.Typer(
    help="A MySQL endpoint that answers analytics from a fresh columnar copy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
demo = typer.Typer(help="Demonstrations on data made on the spot.", no_args_is_help=True)
app.add_typer(demo, name="demo")
ml = typer.Typer(help="Models that are trained on live tables.", no_args_is_help=True)
app.add_typer(ml, name="ml")

console = Console()
complaints = Console(stderr=True)

DataDir = Annotated[str | None, typer.Option("--data-dir", help="Folder of the instance.", show_default=False)]


def _every_setting_as_option(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option per setting, so that no setting can be without its flag."""

    def command(**flags: str | None) -> None:
        config = flags.pop("config", None)
        function(_load(flags, config))

    options = [("config", "TOML file with settings, instead of warmfront.toml in this folder.")]
    options += [(item.name, item.metadata["help"]) for item in fields(Settings) if not item.metadata.get("runtime")]
    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=typer.Option(None, f"--{name.replace('_', '-')}", help=text, show_default=False),
                annotation=str | None,
            )
            for name, text in options
        ]
    )
    command.__doc__ = function.__doc__
    return command


def _load(flags: dict[str, Any], config: str | None = None) -> Settings:
    toml = Path(config) if config else Path("warmfront.toml")
    return load(flags, toml=toml if config or toml.exists() else None)


def _instance(data_dir: str | None) -> Settings:
    return instance.running(_load({"data_dir": data_dir}).data_dir)


def _say(text: str) -> None:
    complaints.print(f"warmfront: {text}", highlight=False, markup=False, soft_wrap=True)


@app.command("up")
@_every_setting_as_option
def up(settings: Settings) -> None:
    """Serve: start the backend unless one is given, the engine and the proxy. Ctrl-C stops everything."""
    logging_setup.setup(settings.log_level)
    supervisor = Supervisor(settings, _say)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, supervisor.request_stop)
    signal.signal(signal.SIGHUP, supervisor.request_renewal)
    try:
        supervisor.start()
        if not supervisor.stopping:
            cnf = settings.paths.client_cnf
            print(f"warmfront ready: mysql --defaults-file={cnf}", flush=True)
        supervisor.watch()
    except Refused as refused:
        doctor.report(refused.findings, complaints)
        raise
    finally:
        supervisor.stop()


@app.command()
def status(
    data_dir: DataDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as one JSON object.")] = False,
) -> None:
    """Show the instance: where it listens, its backend, the copies, how far they are behind, and counters."""
    found = collect(_instance(data_dir))
    if as_json:
        print(json.dumps(found, indent=1))
    else:
        show(found, console)


@app.command("doctor")
def check(
    backend: Annotated[str | None, typer.Option(help="mysql://USER:PASSWORD@HOST:PORT", show_default=False)] = None,
    data_dir: DataDir = None,
) -> None:
    """Check what a backend must have, and print what to change, ready to paste."""
    settings = _load({"backend": backend, "data_dir": data_dir})
    upstream = backends.parse_url(settings.backend) if settings.backend else _instance(data_dir).server
    upstream = backends.identify(upstream, settings)
    with backends.connect(upstream, settings) as connection:
        findings = doctor.examine(connection, upstream)
    doctor.report(findings, console)
    if doctor.blocked(findings):
        raise typer.Exit(1)


@app.command("load")
def load_copies(what: Annotated[str, typer.Argument(metavar="SCHEMA[.TABLE]")], data_dir: DataDir = None) -> None:
    """Make the columnar copy of one table, or of every table of a schema."""
    with instance.connect(_instance(data_dir)) as connection:
        for name in copies.matching(connection, what):
            with complaints.status(f"loading {name}"):
                copies.load(connection, name)
            console.print(f"loaded {name}", highlight=False)


@app.command()
def unload(what: Annotated[str, typer.Argument(metavar="SCHEMA[.TABLE]")], data_dir: DataDir = None) -> None:
    """Drop the columnar copy of one table, or of every table of a schema."""
    with instance.connect(_instance(data_dir)) as connection:
        for name in copies.matching(connection, what):
            copies.unload(connection, name)
            console.print(f"unloaded {name}", highlight=False)


@app.command()
def verify(
    what: Annotated[str | None, typer.Argument(metavar="[SCHEMA[.TABLE]]", show_default=False)] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Put rows that differ right in place.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Compare copies with their source, row by row, while both go on; exit code 1 when something differs."""
    settings = _instance(data_dir)
    with progress_shown(complaints) as progress:
        good = verification.run(settings, what, repair, console, progress)
    if not good:
        raise typer.Exit(1)


@ml.command("train")
def ml_train(
    table: Annotated[str, typer.Argument(metavar="SCHEMA.TABLE", help="A table or view.")],
    target: Annotated[str | None, typer.Option(help="Column to predict.", show_default=False)] = None,
    task: Annotated[str, typer.Option(help="What the model is for.")] = "classification",
    option: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="KEY=VALUE", help="A further option of ML_TRAIN; repeatable."),
    ] = None,
    handle: Annotated[str | None, typer.Option(help="Name of the model.", show_default=False)] = None,
    data_dir: DataDir = None,
) -> None:
    """Train a model with sys.ML_TRAIN and show what came of it; Ctrl-C stops it."""
    options = {"task": task, **learning.read_options(option or [])}
    with progress_shown(complaints) as progress:
        made = learning.train(_instance(data_dir), table, target, options, handle, progress)
    for name in ("handle", "algorithm_name", "optimization_metric", "training_score", "n_rows", "training_time"):
        console.print(f"{name}: {made.get(name)}", highlight=False, markup=False)


Scale = Annotated[float, typer.Option(help="1 is about 1 GB.", min=0.001)]


@demo.command("tpch")
def tpch(scale: Scale = 0.1, data_dir: DataDir = None) -> None:
    """Make TPC-H data, run its 22 queries offloaded and on InnoDB, compare every cell."""
    from warmfront.demo_tpch import TPCH

    _demonstrate(TPCH, scale, data_dir)


@demo.command("tpcds")
def tpcds(scale: Scale = 0.1, data_dir: DataDir = None) -> None:
    """Make data in the schema of TPC-DS, run its 99 queries offloaded and on InnoDB, compare every cell."""
    from warmfront.demo_tpcds import TPCDS

    _demonstrate(TPCDS, scale, data_dir)


def _demonstrate(benchmark: Benchmark, scale: float, data_dir: str | None) -> None:
    settings = _instance(data_dir)
    with progress_shown(complaints) as progress:
        good = demonstrate(benchmark, settings, scale, console, progress)
    if not good:
        raise typer.Exit(1)


def main() -> int:
    """Run the command line; our own errors become one line and exit code 1."""
    try:
        app()
    except WarmfrontError as error:
        _say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
