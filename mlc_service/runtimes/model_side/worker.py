"""The model's process: loads the model, runs it over the inputs, and reports in JSON lines.

Starts with one line on standard input, the order. File descriptor 1 carries our report only; whatever the model
prints goes to standard error.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
from typing import IO, Any

from .model import NOTHING, Model, ModelFailed, positional_count, takes_slot
from .records import Rejected, parse_json, read_records
from .schema import Schema, SchemaMismatch, UnreadableSchema
from .values import NotEncodable, plain

OUTPUT_ERROR = "An output error occurred during model execution, please check the engine logs for details"
DETAILED = 10  # rejected or failed records told one by one; the rest is counted
PR_SET_PDEATHSIG = 1


class Stop(Exception):
    """The run cannot go on; the text says why."""


class Report:
    """Events to the service, one JSON object a line."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def send(self, **event: Any) -> None:
        self._stream.write(json.dumps(event).encode() + b"\n")
        self._stream.flush()

    def message(self, text: str) -> None:
        self.send(event="message", text=text)


class Run:
    """One job: counts, output, and what the log says."""

    def __init__(self, order: dict[str, Any], report: Report) -> None:
        self.order = order
        self.report = report
        self.read = self.written = 0
        self.by_encoding = self.by_schema = self.failed = self.refused_out = self.refused_out_schema = 0
        self.input_schema = schema_of(order, "input_schema")
        self.output_schema = schema_of(order, "output_schema")
        self.first_failure = ""
        self._told: dict[str, int] = {}
        self._progress = os.open(order["progress"], os.O_WRONLY | os.O_CREAT, 0o600)
        self.output = open(order["output"], "wb")  # noqa: SIM115 - closed in close()

    def doing(self, what: str) -> None:
        """Leaves a trace of where we are, for the case that this process is ended from outside."""
        os.pwrite(self._progress, what.encode().ljust(40), 0)

    def tell(self, kind: str, text: str, frames: list[str] | None = None) -> None:
        """A message about one record, as long as there are few of its kind."""
        self._told[kind] = self._told.get(kind, 0) + 1
        if self._told[kind] <= DETAILED:
            self.report.message(text)
            for frame in frames or []:
                self.report.message(f"    {frame}")
        elif self._told[kind] == DETAILED + 1:
            self.report.message(f"(more {kind} records are counted, not listed)")

    def accept(self, record: Any) -> bool:
        """Counts an input record; false (and told) when it is refused."""
        self.read += 1
        if isinstance(record, Rejected):
            self.by_encoding += 1
            self.tell("rejected", f"{record.told()} (line {record.line})")
        else:
            try:
                if self.input_schema is not None:
                    self.input_schema.check(record)
                return True
            except SchemaMismatch as fault:
                self.by_schema += 1
                self.tell("rejected", f"Record rejected by schema: {fault} (record {self.read})")
        if self.order["stop_on_bad_records"]:
            raise Stop(f"record {self.read} was rejected and stopOnBadRecords is set")
        return False

    def fail(self, record: int, wrong: ModelFailed) -> None:
        self.failed += 1
        if not self.first_failure:
            self.first_failure = wrong.told + (f" ({wrong.frames[-1]})" if wrong.frames else "")
        self.tell("failed", f"record {record} failed: {wrong.told}", wrong.frames)
        if wrong.ends_run:
            raise Stop(f"{wrong.told}, while scoring record {record}")
        if self.order["stop_on_bad_records"]:
            raise Stop(f"record {record} failed ({wrong.told}) and stopOnBadRecords is set")

    def put(self, value: Any, record: int | None) -> None:
        """One output line; a value that is no JSON is counted and told instead."""
        try:
            encoded = plain(value)
            if self.output_schema is not None:
                self.output_schema.check(encoded)
        except SchemaMismatch as fault:
            self.refused_out_schema += 1
            self.tell("output", f"Output record rejected by schema: {fault} (record {record})")
        except (NotEncodable, RecursionError) as fault:
            self.refused_out += 1
            self.tell("output", f"Output record rejected by encoding: {fault} (record {record})")
        else:
            self.output.write(json.dumps(encoded, ensure_ascii=False).encode() + b"\n")
            self.written += 1
            return
        if self.order["stop_on_bad_records"]:
            raise Stop(f"output of record {record} was rejected and stopOnBadRecords is set")

    def close(self) -> str | None:
        """Says what went wrong over all records, in ModelOp's words; None when nothing did."""
        self.output.close()
        causes: list[str] = []
        for count, one, many in (
            (self.by_encoding, "input record rejected by encoding", "input record(s) rejected by encoding"),
            (self.by_schema, "input record rejected by schema", "input record(s) rejected by schema"),
            (self.refused_out, "output record rejected by encoding", "output record(s) rejected by encoding"),
            (self.refused_out_schema, "output record rejected by schema", "output record(s) rejected by schema"),
        ):
            if count:
                self.report.message(f"{count} {many}")
                causes.append(one)
        if self.failed:
            self.report.message(OUTPUT_ERROR)
            causes.append(f"{self.failed} of {self.read} record(s) failed in the model, first: {self.first_failure}")
        return "; ".join(causes) or None


def score(run: Run, model: Model) -> None:
    """Every record of every input goes through the score function, in order."""
    function = model.functions["score"]
    inputs = run.order["inputs"]
    slots = takes_slot(function)
    if not slots and len(inputs) > 1 and positional_count(function)[0] == len(inputs):
        files = [read_records(each["path"], each["format"]) for each in inputs]
        for rows in zip(*files):  # noqa: B905 - the shortest input ends the run
            if all([run.accept(row) for row in rows]):  # noqa: C419 - each one counts
                score_one(run, model, rows, list(rows))
        return
    for slot, each in enumerate(inputs):
        for record in read_records(each["path"], each["format"]):
            if run.accept(record):
                score_one(run, model, (record, 2 * slot) if slots else (record,), record)


def score_one(run: Run, model: Model, arguments: tuple[Any, ...], record: Any) -> None:
    number = run.read
    run.doing(f"scoring record {number}")
    try:
        outputs = model.score(arguments, record)
    except ModelFailed as wrong:
        run.fail(number, wrong)
        return
    for value in outputs:
        run.put(value, number)


def over_frames(run: Run, model: Model, role: str) -> str | None:
    """Metrics or train: called once, with one data frame per input. The reason if it failed."""
    function = model.functions[role]
    inputs = run.order["inputs"]
    needed, most = positional_count(function)
    frames = [data_frame(run, each) for each in inputs]
    run.doing(f"running {role}")
    if takes_slot(function) and len(frames) == 1:
        frames.append(0)
    elif not needed <= len(frames) <= most:
        takes = str(needed) if needed == most else f"{needed} to {most if most < 1000 else 'many'}"
        return f"the {role} function takes {takes} data frame(s), one per input asset; the job has {len(frames)}"
    try:
        answer = model.first(role, tuple(frames))
    except ModelFailed as wrong:
        run.tell("failed", f"{role} failed: {wrong.told}", wrong.frames)
        if wrong.ends_run:
            raise Stop(f"{wrong.told}, while running {role}") from None
        run.report.message(OUTPUT_ERROR)
        return f"{role} failed: {wrong.told}" + (f" ({wrong.frames[-1]})" if wrong.frames else "")
    if answer is NOTHING:
        return "the metrics function gave no result" if role == "metrics" else None
    if role == "train":
        run.put(answer, None)
        return None
    return put_metrics(run, answer)


def put_metrics(run: Run, answer: Any) -> str | None:
    nulled: list[str] = []
    try:
        encoded = plain(answer, nulled)
    except (NotEncodable, RecursionError) as fault:
        run.report.message(f"Output record rejected by encoding: {fault}")
        return f"output record rejected by encoding: {fault}"
    for each in nulled[:DETAILED]:
        run.report.message(f"metrics: {each}, stored as null")
    if len(nulled) > DETAILED:
        run.report.message(f"metrics: {len(nulled) - DETAILED} more values are not numbers, stored as null")
    # decision tables read top-level keys: a result that is no object gets one around it
    run.put(encoded if isinstance(encoded, dict) else {"result": encoded}, None)
    return None


def data_frame(run: Run, source: dict[str, Any]) -> Any:
    run.doing(f"reading {source['name']}"[:40])
    try:
        pandas = importlib.import_module("pandas")
    except ImportError as wrong:
        raise Stop(f"pandas cannot be imported in the model's environment: {wrong}") from None
    records: list[Any] = []
    for record in read_records(source["path"], source["format"]):
        if isinstance(record, list) and run.input_schema is None:
            # a whole data set on one line
            run.read += len(record)
            records += record
        elif run.accept(record):
            records.append(record)
    return pandas.DataFrame(records)


def serve(model: Model, order: dict[str, Any], report: Report, lines: IO[bytes]) -> None:
    """Scores one record per line until the service closes the line."""
    input_schema, output_schema = schema_of(order, "input_schema"), schema_of(order, "output_schema")
    slots = takes_slot(model.functions["score"])
    for line in lines:
        number, _, text = line.partition(b" ")
        answer = {"event": "scored", "n": int(number)}
        record = parse_json(text, 0)
        try:
            if isinstance(record, Rejected):
                raise Refused("input", "encoding", record.reason)
            if input_schema is not None:
                try:
                    input_schema.check(record)
                except SchemaMismatch as fault:
                    raise Refused("input", "schema", str(fault)) from None
            outputs = model.score((record, 0) if slots else (record,), record)
            answer["output"] = checked(outputs[0] if len(outputs) == 1 else outputs or None, output_schema)
        except Refused as refused:
            answer.update(refused=refused.kind, by=refused.by, detail=refused.detail)
        except ModelFailed as wrong:
            answer.update(refused="output", by="error", detail="; ".join([wrong.told, *wrong.frames]))
            if wrong.ends_run:
                report.send(**answer)
                return
        report.send(**answer)


class Refused(Exception):
    def __init__(self, kind: str, by: str, detail: str) -> None:
        self.kind, self.by, self.detail = kind, by, detail


def checked(value: Any, schema: Schema | None) -> Any:
    try:
        encoded = plain(value)
        if schema is not None:
            schema.check(encoded)
    except SchemaMismatch as fault:
        raise Refused("output", "schema", str(fault)) from None
    except (NotEncodable, RecursionError) as fault:
        raise Refused("output", "encoding", str(fault)) from None
    return encoded


def schema_of(order: dict[str, Any], name: str) -> Schema | None:
    text = order[name]
    if text is None:
        return None
    try:
        return Schema(text, name)
    except UnreadableSchema as wrong:
        raise Stop(f"the {name.replace('_', ' ')} cannot be read: {wrong}") from None


def main() -> None:
    # the warden ends us when the service goes; this is for the case that the warden itself is killed
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    lines, report = own_channels()
    order: dict[str, Any] = json.loads(lines.readline())
    try:
        work(order, report, lines)
    except Stop as why:
        report.send(event="stop", reason=str(why))
    # no clean-up of the model's: threads it left behind must not keep us
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def work(order: dict[str, Any], report: Report, lines: IO[bytes]) -> None:
    kind = order["kind"]
    run = None if kind == "online" else Run(order, report)
    report.message("state changes to RUNNING")
    if run is not None:
        run.doing("loading the model")
    try:
        model = Model(order["primary"], order["functions"])
        role = "score" if kind == "online" else kind
        if role not in model.functions:
            raise Stop(f"the model has no {role} function (mark one with '# modelop.{role}')")
        if run is not None:
            run.doing("running init")
        model.begin({"rawJson": json.dumps(order["job"]), "job": order["job"]})
    except ModelFailed as wrong:
        for frame in wrong.frames:
            report.message(f"    {frame}")
        where = f" ({wrong.frames[-1]})" if wrong.frames else ""
        raise Stop(f"the model could not be loaded: {wrong.told}{where}") from None
    if "init" in model.functions:
        report.message("init succeeded")
    if run is None:
        report.send(event="ready")
        serve(model, order, report, lines)
        return
    finish(run, model, kind)


def finish(run: Run, model: Model, kind: str) -> None:
    why = reason = None
    try:
        if kind == "score":
            score(run, model)
        else:
            reason = over_frames(run, model, kind)
    except Stop as stop:
        why = str(stop)
    causes = [each for each in (reason, run.close()) if each]
    counts = {"records_in": run.read, "records_out": run.written}
    if why is not None:
        run.report.send(event="stop", reason=why, **counts)
        return
    run.report.message("state changes to FINISHING")
    run.report.send(event="done", reason="; ".join(causes) or None, **counts)


def own_channels() -> tuple[IO[bytes], Report]:
    """Takes the service's channels away from the model: its prints go to the console, its input is empty."""
    lines, report = os.fdopen(os.dup(0), "rb"), Report(os.fdopen(os.dup(1), "wb"))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True, errors="replace")  # type: ignore[union-attr]
    return lines, report
