"""Scripts that mean harm, in every language: each ends within its deadline, reads, sends and starts nothing, and the
next script runs. A secret in a file and a listener on this machine are the proof."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlc_service.language.errors import ScriptError
from mlc_service.language.scripts import GroovySettings, ScriptRunner
from mlc_service.language.walls import why_no_wall

DEADLINE_SECONDS = 1.0
GRACE_SECONDS = 3.0  # on a busy machine; a script that is stopped is stopped at its deadline
MEMORY_BYTES = 48 * 1024 * 1024


@dataclass(frozen=True)
class Trap:
    """What a script must not reach: `secret` stands in the file `canary`, `listener` is reached at `port`."""

    folder: Path
    secret: str
    listener: socket.socket

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def fill(self, source: str) -> str:
        return (
            source.replace("@CANARY@", str(self.folder / "canary"))
            .replace("@MARK@", str(self.folder / "mark"))
            .replace("@PORT@", str(self.port))
        )

    def assert_untouched(self) -> None:
        assert (self.folder / "canary").read_text() == self.secret
        assert [path.name for path in self.folder.iterdir()] == ["canary"]
        with pytest.raises(BlockingIOError):
            self.listener.accept()


@pytest.fixture(scope="module")
def trap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trap]:
    folder = tmp_path_factory.mktemp("trap")
    secret = secrets.token_hex(16)
    (folder / "canary").write_text(secret)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield Trap(folder, secret, listener)


@pytest.fixture(scope="module")
def runners() -> Iterator[dict[str, ScriptRunner]]:
    """One runner per language, made when first asked for: a machine without Groovy still tests the others."""
    made: dict[str, ScriptRunner] = {}
    yield made
    for runner in made.values():
        runner.close()


@pytest.fixture
def runner(language: str, runners: dict[str, ScriptRunner], request: pytest.FixtureRequest) -> ScriptRunner:
    if language not in runners:
        groovy = None
        if language == "groovy":
            groovy = GroovySettings(folder=request.getfixturevalue("groovy_folder"))
        elif language == "python-full" and (problem := why_no_wall("landlock")):
            pytest.skip(problem)
        runners[language] = ScriptRunner(groovy=groovy, full_python=True)
        assert runners[language].run(language, "n + 1", {"n": 1}).result == 2
    return runners[language]


PYTHON = {
    "loop": "while True: pass",
    "sum": "sum(range(10**13))",
    "list": "x = []\nwhile True: x.append('a' * 1000)",
    "2 GB list": "[0] * (2 * 10**9)",
    "2 GB text": "'a' * (2 * 2**30)",
    "power": "2 ** 10**10",
    "recursion": "def f(n): return f(n + 1) + 1\nf(0)",
    "open": "open('@CANARY@').read()",
    "write": "open('@MARK@', 'w').write('x')",
    "path": "from pathlib import Path\nPath('@CANARY@').read_text()",
    "os.system": "import os\nassert os.system('touch @MARK@') == 0",
    "fork": "import os\nos.fork()",
    "subprocess": "import subprocess\nsubprocess.run(['touch', '@MARK@'])",
    "socket": "import socket\nsocket.create_connection(('127.0.0.1', @PORT@)).send(b'x')",
    "urllib": "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:@PORT@/')",
    "import": "__import__('os').kill(__import__('os').getppid(), 9)",
    "large result": "a = [1]\n" + "a = [a, a]\n" * 60 + "execution.setVariable('a', a)",
}
MONTY = {
    **PYTHON,
    "class walk": "[c for c in ''.__class__.__mro__[-1].__subclasses__()]",
    "globals": "execution.__class__.__init__.__globals__",
    "exit": "import sys\nsys.exit(0)",
    "regex": "import re\nassert re.match('(a|aa)+$', 'a' * 60 + 'b')",
    "print": "while True: print('x' * 10000)",
    "loop in an error": "class A:\n    def __str__(self):\n        while True: pass\nraise BpmnError('c', A())",
    "large error": "a = [1]\n" + "a = [a, a]\n" * 60 + "_mlc_thrown = a\nraise BpmnError('c')",
    "large variable, then an error": "a = [1]\n"
    + "a = [a, a]\n" * 60
    + "execution.setVariable('a', a)\nraise BpmnError('c')",
}
FULL_PYTHON = {
    **PYTHON,
    "class walk": "[c for c in ''.__class__.__mro__[-1].__subclasses__() if c.__name__ == 'Popen'][0](['touch', '@MARK@'])",
    "journal": "execution.setVariable('f', lambda: 1)",
    "io": "import io\nio.FileIO('@CANARY@').read()",
    "exec": "import os\nos.execv('/bin/sh', ['sh', '-c', 'touch @MARK@'])",
    "spawn": "import os\nos.posix_spawn('/bin/touch', ['touch', '@MARK@'], {})",
    "ctypes call": "import ctypes\nl = ctypes.CDLL(None, use_errno=True)\nassert l.open(b'@CANARY@', 0) >= 0",
    "ctypes fork": "import ctypes\nassert ctypes.CDLL(None).fork() >= 0",
    "ctypes socket": "import ctypes\nassert ctypes.CDLL(None).socket(2, 1, 0) >= 0",
    "ctypes crash": "import ctypes\nctypes.string_at(0)",
    "kill": "import os\nos.kill(os.getppid(), 9)",
    "kill all": "import os\nos.kill(-1, 9)",
    "ptrace": "import ctypes\nassert ctypes.CDLL(None).ptrace(16, __import__('os').getppid(), 0, 0) == 0",
    "_exit": "import os\nos._exit(0)",
    "exit": "import sys\nsys.exit(0)",
    "unix socket": "import socket\nsocket.socket(socket.AF_UNIX)",
    "udp": "import socket\nsocket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', @PORT@))",
    "unlink": "import os\nos.unlink('@CANARY@')",
    "rename": "import os\nos.rename('@CANARY@', '@MARK@')",
    "chmod": "import os\nos.chmod('@CANARY@', 0)",
    "link": "import os\nos.link('@CANARY@', '@MARK@')",
    "list folder": "import os\nos.listdir('/tmp')",
    "environment": "import os\nassert 'PATH' in os.environ",
    "memory of the worker": "open('/proc/%d/mem' % __import__('os').getppid(), 'rb')",
    "limits": "import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
    "regex": "import re\nre.match('(a+)+$', 'a' * 60 + 'b')",
    "threads": "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(99,)).start()",
    "catch all": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "print": "while True: print('x' * 10000)",
    "deep value": "x = []\nfor _ in range(100000): x = [x]\nexecution.setVariable('x', x)",
    "deep source": "(" * 5000,
    "cycle": "x = []\nx.append(x)\nexecution.setVariable('x', x)",
    "forged answers": "import os\nfor pipe in range(3, 64):\n    try:\n"
    '        os.write(pipe, b\'{"result": 666, "written": {}, "removed": []}\\n\' * 2)\n    except OSError: pass',
    "pipes": "import os\nwhile True: os.pipe()",
    "loop in an error": "class A(BpmnError):\n    @property\n    def code(self):\n        while True: pass\n"
    "    def __init__(self): pass\nraise A()",
    "raising error": "class A(BpmnError):\n    @property\n    def code(self): raise BpmnError('d')\n"
    "    def __init__(self): pass\nraise A()",
    "large error": "raise BpmnError('c' * 40_000_000)",
}
JAVASCRIPT = {
    "loop": "while (true) {}",
    "list": "let a = []; while (true) a.push('x'.repeat(1000))",
    "2 GB list": "new Uint8Array(2 ** 31)",
    "2 GB text": "'a'.repeat(2 ** 29) + 'a'.repeat(2 ** 29) + 'a'.repeat(2 ** 29) + 'a'.repeat(2 ** 29)",
    "recursion": "function f(n) { return f(n + 1) + 1 } f(0)",
    "require": "require('fs').readFileSync('@CANARY@')",
    "import": "import('fs'); std.open('@CANARY@', 'r')",
    "process": "process.exit(1)",
    "java": "java.lang.Runtime.getRuntime().exec('touch @MARK@')",
    "fetch": "fetch('http://127.0.0.1:@PORT@/')",
    "socket": "new WebSocket('ws://127.0.0.1:@PORT@/')",
    "constructor walk": "''.constructor.constructor('return process')()",
    "class walk": "execution.__class__.__mro__",
    "regex": "/(a+)+$/.test('a'.repeat(60) + 'b')",
    "poisoned journal": "Object.prototype.toJSON = function () { while (true) {} }; 1",
    "cycle": "let o = {}; o.o = o; execution.setVariable('o', o)",
    "deep value": "let o = []; for (let i = 0; i < 1e6; i++) o = [o]; execution.setVariable('o', o)",
    "loop in an error": "throw new BpmnError('c', { toString() { while (true) {} } })",
    "loop before an error": "BpmnError; while (true) { try { while (true) {} } catch (e) { } }",
    "list before an error": "BpmnError; let a = []; while (true) a.push('x'.repeat(1000))",
    "recursion before an error": "BpmnError; function f(n) { return f(n + 1) + 1 } f(0)",
    "class walk of an error": "BpmnError.constructor('return process')()",
    "java by an error": "BpmnError; Java.type('java.lang.Runtime').getRuntime().exec('touch @MARK@')",
    "proxy": "execution.setVariable('p', new Proxy([], { get() { while (true) {} } }))",
}
GROOVY = {
    "loop": "while (true) {}",
    "catch all": "while (true) { try { while (true) {} } catch (Throwable t) {} }",
    "list": "def l = []; while (true) l << new byte[1000000]",
    "2 GB list": "new long[2000000000]",
    "2 GB text": "'a' * 2000000000",
    "direct memory": "java.nio.ByteBuffer.allocateDirect(1 << 30)",
    "recursion": "def f(n) { f(n + 1) + 1 }\nf(0)",
    "file": "new File('@CANARY@').text",
    "nio": "java.nio.file.Files.readString(java.nio.file.Path.of('@CANARY@'))",
    "write": "new File('@MARK@').text = 'x'",
    "delete": "assert new File('@CANARY@').delete()",
    "list folder": "assert new File('/tmp').list() != null",
    "environment file": "new File('/proc/self/environ').text",
    "environment": "assert System.getenv('PATH') != null",
    "Runtime.exec": "Runtime.runtime.exec('touch @MARK@')",
    "execute": "'touch @MARK@'.execute().waitFor()",
    "execute, vfork": "System.setProperty('jdk.lang.Process.launchMechanism', 'VFORK')\n'touch @MARK@'.execute()",
    "execute, fork": "System.setProperty('jdk.lang.Process.launchMechanism', 'FORK')\n'touch @MARK@'.execute()",
    "kill": "assert ProcessHandle.current().parent().get().destroyForcibly()",
    "socket": "new Socket('127.0.0.1', @PORT@).outputStream.write(1)",
    "url": "new URL('http://127.0.0.1:@PORT@/').text",
    "udp": "new DatagramSocket().send(new DatagramPacket(new byte[1], 1, InetAddress.loopbackAddress, @PORT@))",
    "channel": "java.nio.channels.SocketChannel.open(new InetSocketAddress('127.0.0.1', @PORT@))",
    "server": "new ServerSocket(0)",
    "grab": "@Grab('org.apache.commons:commons-math3:3.6.1')\nimport org.apache.commons.math3.util.Precision\n1",
    "compile time": "@groovy.transform.ASTTest(value = { 'touch @MARK@'.execute() })\ndef x = 1",
    "compile loop": "@groovy.transform.ASTTest(value = { while (true) {} })\ndef x = 1",
    "exit": "System.exit(0)",
    "halt": "Runtime.runtime.halt(0)",
    "threads": "while (true) Thread.start { sleep 100000 }",
    "regex": "('a' * 60) ==~ /(.*a){25}b/",
    "print": "while (true) println('x' * 10000)",
    "class walk": "''.class.classLoader.loadClass('java.lang.Runtime')",
    "private": "def f = String.getDeclaredField('value'); f.accessible = true; f.get('x')",
    "native": "System.load('@CANARY@')",
    "forged answer": "def o = new FileOutputStream(FileDescriptor.out)\n"
    'o.write(\'{"result":1,"written":{"x":1},"removed":[]}\\n\'.bytes); o.flush(); while (true) {}',
    "forged answers": "def o = new FileOutputStream(FileDescriptor.out)\n"
    'o.write(\'{"result":666,"written":{},"removed":[]}\\n{"result":666,"written":{},"removed":[]}\\n\'.bytes)',
    "noise": "def o = new FileOutputStream(FileDescriptor.out)\nwhile (true) o.write(new byte[100000])",
    "others' requests": "new FileInputStream(FileDescriptor.in).read()",
    "cycle": "def x = []; x << x; execution.setVariable('x', x)",
    "poisoned text": "execution.setVariable('x', new Object() { String toString() { while (true) {} } })",
    "poisoned map": "execution.setVariable('x', [entrySet: { while (true) {} }] as Map)",
    "finalizer": "class A { void finalize() { while (true) {} } }\nnew A()",
    "source": "(" * 5000,
    "loop in an error": "class A extends org.camunda.bpm.engine.delegate.BpmnError { A() { super('c') }\n"
    "String getErrorCode() { while (true) {} } }\nthrow new A()",
    "circle of causes": "class A extends RuntimeException { Throwable getCause() { new A() } }\nthrow new A()",
    "2 GB error": "throw new org.camunda.bpm.engine.delegate.BpmnError('c' * 2000000000)",
}
ATTACKS = [
    pytest.param(language, source, id=f"{language}: {name}")
    for language, attacks in {
        "python": MONTY,
        "python-full": FULL_PYTHON,
        "javascript": JAVASCRIPT,
        "groovy": GROOVY,
    }.items()
    for name, source in attacks.items()
]


@pytest.mark.parametrize(("language", "source"), ATTACKS)
def test_an_attack_ends_in_a_clear_error_and_the_next_script_runs(
    runner: ScriptRunner, language: str, source: str, trap: Trap
) -> None:
    began = time.monotonic()
    with pytest.raises(ScriptError) as caught:
        runner.run(language, trap.fill(source), {"n": 1}, deadline_seconds=DEADLINE_SECONDS, memory_bytes=MEMORY_BYTES)
    took = time.monotonic() - began
    assert runner.run(language, "n + 1", {"n": 1}, deadline_seconds=20.0).result == 2
    assert took < DEADLINE_SECONDS + GRACE_SECONDS
    assert caught.value.message
    assert "Traceback" not in caught.value.message
    assert trap.secret not in caught.value.message
    trap.assert_untouched()


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("python-full", "import os\nos.system('touch @MARK@')"),
        ("python-full", "import os\nos.write(1, b'{}\\n' * 10); os.write(2, b'x'); os.read(0, 10)"),
        ("python-full", "import threading\nthreading.Thread(target=open, args=('@MARK@', 'w')).start()"),
        ("groovy", "new File('/tmp').list()"),
        ("groovy", "new File('@CANARY@').delete()"),
        ("groovy", "System.out.write('{}\\n'.bytes); System.in.read()"),
        ("groovy", "System.err.println('x'); Thread.start { new File('@MARK@').text = 'x' }.join()"),
    ],
)
def test_an_attack_that_a_script_survives_still_comes_to_nothing(
    runner: ScriptRunner, language: str, source: str, trap: Trap
) -> None:
    outcome = runner.run(language, trap.fill(source), {}, deadline_seconds=10.0)
    assert trap.secret not in repr(outcome)
    assert runner.run(language, "n + 1", {"n": 1}, deadline_seconds=20.0).result == 2
    trap.assert_untouched()
