"""`mlc`: the command line. Heavy imports stay inside the commands, so that `mlc --help` answers at once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer
from rich.console import Console

from mlc_service import __version__

if TYPE_CHECKING:
    from mlc_service.settings import Settings

cli = typer.Typer(
    name="mlc",
    help="MLC Service: runs the life cycle of models as BPMN processes, on record.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
_out = Console()
_err = Console(stderr=True)

Data = Annotated[Path | None, typer.Option("--data", help="Folder for the database and all that is kept (MLC_DATA).")]
Address = Annotated[
    str, typer.Option("--url", help="Where the service is, with its API path (MLC_URL).", envvar="MLC_URL")
]


@cli.command()
def up(
    host: Annotated[str | None, typer.Option(help="Address to listen on (MLC_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on, 0 takes a free one (MLC_PORT).")] = None,
    data: Data = None,
    no_auth: Annotated[bool, typer.Option("--no-auth", help="No log-in; on loopback addresses only.")] = False,
    jobs: Annotated[Literal["on", "off"], typer.Option(help="off: due jobs wait for POST /job/{id}/execute.")] = "on",
) -> None:
    """API, jobs, timers and a local runtime in one process, on SQLite in DIR."""
    from mlc_service import logs, server
    from mlc_service.app import DataInUse, OutdatedSchema, Service
    from mlc_service.settings import InvalidSettings, settings_from

    try:
        chosen = settings_from(host=host, port=port, data=data, authentication=not no_auth, runs_jobs=jobs == "on")
        logs.configure(chosen.log_level, chosen.log_format)
        listener = server.listen(chosen.host, chosen.port)
        settings = replace(chosen, port=server.port_of(listener))
        service = Service(settings)
    except (InvalidSettings, DataInUse, OutdatedSchema, server.AddressInUse) as problem:
        _stop(str(problem))
    first = service.start()
    try:
        _out.print(f"MLC Service {__version__} on [bold]{settings.address()}[/]", soft_wrap=True)
        _out.print(f"Camunda Modeler and clients: {settings.address()}/mlc-service/rest", soft_wrap=True)
        if first is not None:
            _say_login(first.user_id, first.password)
        elif no_auth:
            _out.print("no log-in is needed (--no-auth)")
        server.serve(service.app, listener)
    finally:
        service.stop()


@cli.command()
def api(
    host: Annotated[str | None, typer.Option(help="Address to listen on (MLC_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on, 0 takes a free one (MLC_PORT).")] = None,
    data: Data = None,
    no_auth: Annotated[bool, typer.Option("--no-auth", help="No log-in; on loopback addresses only.")] = False,
) -> None:
    """The API, one process of many. Needs MLC_DATABASE_URL and MLC_REDIS_URL, as do worker, scheduler and runtime."""
    from mlc_service import server
    from mlc_service.app.production import Api

    settings = _production_settings(host=host, port=port, data=data, authentication=not no_auth)
    with _said_clearly():
        listener = server.listen(settings.host, settings.port)
        settings = replace(settings, port=server.port_of(listener))
        process = Api(settings)
    password = process.start()
    try:
        _out.print(f"MLC Service {__version__} on [bold]{settings.address()}[/]", soft_wrap=True)
        if password is not None:
            _say_login("admin", password)
        server.serve(process.app, listener)
    finally:
        process.stop()


Concurrency = Annotated[
    int | None, typer.Option(min=1, help="Processes, each with one job at a time (MLC_CONCURRENCY; as many as CPUs).")
]


@cli.command()
def worker(data: Data = None, concurrency: Concurrency = None) -> None:
    """Runs due jobs: a Celery worker. Any number, on any number of machines."""
    from mlc_service.app.production import work

    settings = _production_settings(data=data, concurrency=concurrency)
    with _said_clearly():
        work(settings)


@cli.command()
def scheduler(data: Data = None) -> None:
    """Makes timers fire and looks after what was lost. At least one; of several each takes a part."""
    from mlc_service.app.production import schedule

    settings = _production_settings(data=data)
    with _said_clearly():
        schedule(settings)


@cli.command()
def runtime(
    name: Annotated[str, typer.Option(help="Name of the runtime; processes of one name share its queue.")],
    tag: Annotated[list[str] | None, typer.Option(help="Tag that models are matched by; repeat for more.")] = None,
    environment: Annotated[str | None, typer.Option(help="environmentName of the runtime.")] = None,
    in_production: Annotated[bool, typer.Option("--in-production", help="Marks it as a production runtime.")] = False,
    data: Data = None,
    concurrency: Concurrency = None,
) -> None:
    """Runs model jobs: a Celery worker on the queue of one runtime, which it registers."""
    from mlc_service.app.production import serve_runtime
    from mlc_service.lifecycle.errors import InvalidDocument

    settings = _production_settings(data=data, concurrency=concurrency)
    said: dict[str, object] = {"name": name, "inProduction": in_production}
    if tag:
        said["tags"] = tag
    if environment:
        said["environmentName"] = environment
    with _said_clearly():
        try:
            serve_runtime(settings, said)
        except InvalidDocument as problem:
            _stop(str(problem))


@cli.command()
def migrate(data: Data = None) -> None:
    """The database has the schema of this version; safe to repeat."""
    from mlc_service.settings import InvalidSettings, settings_from
    from mlc_service.store import schema

    try:
        settings = settings_from(data=data)
    except InvalidSettings as problem:
        _stop(str(problem))
    if settings.is_embedded:
        settings.data.mkdir(parents=True, exist_ok=True)
    schema.upgrade(settings.database)
    _out.print(f"the schema is at revision {schema.newest_revision()}")


@cli.command()
def deploy(
    files: Annotated[list[Path], typer.Argument(help="BPMN and DMN files, deployed together.", metavar="FILE...")],
    url: Address = "http://127.0.0.1:8080/mlc-service/rest",
    user: Annotated[str, typer.Option(envvar="MLC_USER", help="Who deploys (MLC_USER).")] = "admin",
    password: Annotated[str | None, typer.Option(envvar="MLC_PASSWORD", help="Better as MLC_PASSWORD.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the deployment; by default the first file's.")] = None,
) -> None:
    """Deploys files to a running service and prints what became of them, problems with line and column."""
    from mlc_service.deploying import DeploymentFailed, deploy_files

    try:
        for line in deploy_files(files, url, name, (user, password) if password is not None else None):
            _out.print(line, highlight=False, markup=False, soft_wrap=True)
    except DeploymentFailed as failure:
        _stop(str(failure))


@cli.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Go on serving until Ctrl-C.")] = False,
    port: Annotated[int, typer.Option(help="Port to listen on, 0 takes a free one.")] = 0,
    data: Annotated[Path, typer.Option(help="Folder of the demo; its database is made anew.")] = Path(".mlc/demo"),
) -> None:
    """Drives one model from snapshot to production over the service's own HTTP API, and says what happens."""
    from mlc_service.demo.run import run_demo

    sys.exit(run_demo(data, port=port, keep=keep))


groovy_cli = typer.Typer(help="Groovy scripts.", no_args_is_help=True)
cli.add_typer(groovy_cli, name="groovy")


@groovy_cli.command("install")
def groovy_install(data: Data = None) -> None:
    """Groovy's jars are in the data folder; needs Maven or npm, and a Java to run them."""
    from mlc_service.language.groovy_install import InstallFailed, install
    from mlc_service.settings import InvalidSettings, settings_from

    try:
        settings = settings_from(data=data)
        assert settings.groovy is not None
        done = install(
            settings.groovy.folder,
            java_home=settings.groovy.java_home,
            say=lambda line: _out.print(line, highlight=False, soft_wrap=True),
        )
    except (InvalidSettings, InstallFailed) as problem:
        _stop(str(problem))
    _out.print(f"Groovy is in {done.folder}, from {done.source}", highlight=False, soft_wrap=True)
    if done.problem is not None:
        _stop(done.problem)


@cli.command()
def doctor(
    data: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for machines.")] = False,
) -> None:
    """Says what is well with this set-up, what is not, and what to do. Ends with 1 if something fails."""
    import json

    from mlc_service import doctor as checks
    from mlc_service import logs
    from mlc_service.clock import SystemClock
    from mlc_service.settings import settings_from

    logs.configure("error")
    colours = {"ok": "green", "warn": "yellow", "fail": "red"}
    findings = []
    for finding in checks.examine(lambda: settings_from(data=data), SystemClock()):
        findings.append(finding)
        if not as_json:
            _out.print(finding.status.ljust(5), style=colours[finding.status], end="")
            remedy = f" - {finding.remedy}" if finding.remedy else ""
            line = f"{finding.name.ljust(16)} {finding.message}{remedy}"
            _out.print(line, highlight=False, markup=False, soft_wrap=True)
    if as_json:
        print(json.dumps(checks.as_json(findings), indent=2))
    raise SystemExit(1 if checks.worst(findings) == "fail" else 0)


@cli.command()
def cleanup(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    data: Data = None,
) -> None:
    """History whose time to live is over is removed, now and whatever the window; the service may run meanwhile."""
    from mlc_service.cleaning import NoDatabase, lines_of_cleanup
    from mlc_service.settings import InvalidSettings, settings_from

    try:
        for line in lines_of_cleanup(settings_from(data=data), only_say=dry_run):
            _out.print(line, highlight=False, markup=False, soft_wrap=True)
    except (InvalidSettings, NoDatabase) as problem:
        _stop(str(problem))


@cli.command()
def version() -> None:
    """Prints the version."""
    _out.print(__version__, highlight=False)


def _production_settings(**given: Any) -> Settings:
    """The settings of a process of many; ends the program if they cannot work."""
    from mlc_service import logs
    from mlc_service.settings import InvalidSettings, settings_from

    try:
        settings = settings_from(**given)
        settings.must_be_shared()
        logs.configure(settings.log_level, settings.log_format)
    except InvalidSettings as problem:
        _stop(str(problem))
    return settings


@contextmanager
def _said_clearly() -> Iterator[None]:
    """What can be wrong around the service when it starts ends the program with one line."""
    from mlc_service.app import OutdatedSchema
    from mlc_service.server import AddressInUse
    from mlc_service.settings import InvalidSettings
    from mlc_service.store.errors import DatabaseUnavailable

    try:
        yield
    except (InvalidSettings, OutdatedSchema, AddressInUse, DatabaseUnavailable) as problem:
        _stop(str(problem))


def _say_login(user_id: str, password: str) -> None:
    _out.print(f"log in as [bold]{user_id}[/] with password [bold]{password}[/]")
    _out.print("(shown this once; kept as a hash only)")


def _stop(message: str) -> NoReturn:
    """The message is said and the program ends with 1."""
    _err.print(message, style="red", highlight=False, markup=False, soft_wrap=True)
    raise SystemExit(1)


def main() -> None:
    cli()
