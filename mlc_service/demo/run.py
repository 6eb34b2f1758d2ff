"""Starts a service of its own for the demo, tells the story, prints the timeline."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from mlc_service import logs, server
from mlc_service.app import DataInUse, Service
from mlc_service.demo.client import Client, StepFailed
from mlc_service.demo.example import Example, shipped
from mlc_service.demo.story import Step, Story
from mlc_service.settings import DEFAULT_PORT, settings_from


def run_demo(data: Path, *, port: int, keep: bool) -> int:
    """0 if every step of the story happened, else 1. With `keep` it serves on until Ctrl-C."""
    console = Console()
    logs.configure("error")
    began = time.monotonic()
    try:
        listener = server.listen("127.0.0.1", port or (DEFAULT_PORT if keep else 0))
        with _fresh_service(data, server.port_of(listener)) as service, server.Background(service.app, listener):
            first = service.start()
            assert first is not None, "a fresh database makes its first login"
            address = service.settings.address()
            console.print(f"MLC Service is up on [bold]{address}[/] (embedded: SQLite in {data})\n", soft_wrap=True)
            client = Client(address)
            try:
                client.log_in(first.user_id, first.password)
                _tell(console, client, service, data)
            finally:
                client.close()
            console.print(f"\n[bold green]The model is in production.[/] {time.monotonic() - began:.0f} s in all.")
            if keep:
                console.print(f"\nServing on [bold]{address}[/] until Ctrl-C   (API pages: {address}/docs)")
                console.print(f"log in as [bold]{first.user_id}[/] with password [bold]{first.password}[/]")
                with contextlib.suppress(KeyboardInterrupt):
                    threading.Event().wait()
    except (StepFailed, DataInUse, server.AddressInUse) as failure:
        console.print(f"\n[bold red]The demo failed.[/] {failure}", highlight=False, soft_wrap=True)
        return 1
    return 0


@contextlib.contextmanager
def _fresh_service(data: Path, port: int) -> Iterator[Service]:
    # the environments of models are kept: they depend on requirements only and take longest to make
    settings = settings_from(data=data, host="127.0.0.1", port=port, environments=data / "environments")
    service = Service(settings, start_anew=True)
    try:
        yield service
    finally:
        service.stop()


def _tell(console: Console, client: Client, service: Service, data: Path) -> None:
    example = Example(shipped("examples", "breast_cancer"), data / "example")
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as progress:
        said: list[str] = []
        story = Story(client, example, said.append)
        model: dict[str, object] = {}
        snapshot: dict[str, object] = {}
        steps: list[tuple[str, Callable[[], object]]] = [
            ("Deploy the process", story.deploy_process),
            ("Prepare the example's data", lambda: said.append(example.prepare(service.settings.environments_folder))),
            ("Register the runtime", story.register_runtime),
            ("Register the model", lambda: model.update(story.register_model())),
            ("Create the snapshot", lambda: snapshot.update(story.create_snapshot(model))),
            ("The process starts by itself", lambda: story.find_instance(snapshot)),
            ("Train the model", story.watch_training),
            ("Run the metrics job", story.watch_metrics),
            ("Store the test result", story.read_test_result),
            ("Evaluate the DMN", story.read_decision),
            ("Open the review ticket", story.read_ticket),
            ("Close the ticket", lambda: story.approve("admin")),
            ("Deploy to the matching runtime", story.watch_deployment),
            ("Score online", story.score),
        ]
        bar = progress.add_task("", total=len(steps))
        for number, (title, happen) in enumerate(steps, 1):
            progress.update(bar, description=title)
            happen()
            progress.advance(bar)
            progress.console.print(f"[green]✓[/] [bold]{number:2d} {title}[/]", highlight=False)
            for line in said:
                progress.console.print(f"     {line}", highlight=False, markup=False, soft_wrap=True)
            said.clear()
    console.print()
    console.print(_timeline(story.timeline()))


def _timeline(steps: list[Step]) -> Table:
    table = Table(title="Timeline", title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    table.add_column("step")
    table.add_column("who")
    table.add_column("began (UTC)")
    table.add_column("times", justify="right")
    table.add_column("took", justify="right")
    for step in steps:
        table.add_row(step.name, step.who, step.began[11:23], str(step.times), _duration(step.milliseconds))
    return table


def _duration(milliseconds: int) -> str:
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"
