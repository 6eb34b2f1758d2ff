"""A process that runs Python scripts by monty for another one, whose own monty did not survive a fork."""

from __future__ import annotations

import subprocess
import sys

import orjson

from mlc_service.language.errors import ScriptError
from mlc_service.language.script_outcome import ScriptLimits
from mlc_service.language.script_workers import Worker, WorkerLimits

_START_SECONDS = 30.0
_BOOTSTRAP = """
import sys, json
sys.path[:] = json.loads(sys.argv[1])
from mlc_service.language.script_python_host import main
main()
"""


def start_host() -> Worker:
    """A host is ready. Raises NoWorker."""
    path = orjson.dumps([entry for entry in sys.path if entry]).decode()
    process = subprocess.Popen(
        [sys.executable, "-B", "-c", _BOOTSTRAP, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        bufsize=0,
    )
    return Worker(process, WorkerLimits(), _START_SECONDS)


def main() -> None:
    """Answers one line with one line until its input ends."""
    from mlc_service.language.script_python import PythonScripts

    scripts = PythonScripts()
    answers = sys.stdout.buffer
    answers.write(b'{"ready": true}\n')
    answers.flush()
    for line in sys.stdin.buffer:
        request = orjson.loads(line)
        limits = ScriptLimits(request["seconds"], request["memory"])
        try:
            done = scripts.run_in_sandbox(request["source"], request["variables"], request["facts"], limits)
            thrown = {} if done.error is None else {"thrown": done.error}
            answer = orjson.dumps({"result": done.result, "written": done.written, "removed": done.removed, **thrown})
        except ScriptError as error:
            answer = orjson.dumps({"error": {"message": error.message, "line": error.line}})
        except (TypeError, ValueError) as error:
            answer = orjson.dumps({"error": {"message": f"the result cannot be stored: {error}", "line": 0}})
        answers.write(answer + b"\n")
        answers.flush()
    scripts.close()
