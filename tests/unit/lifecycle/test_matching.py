from __future__ import annotations

from mlc_service.lifecycle.matching import in_words, match


def snapshot(*tags, model="m1", targets=()):
    return {"storedModel": {"id": model}, "metaData": {"tags": list(tags)}, "targetRuntimes": list(targets)}


def runtime(name, *tags, online=False, **more):
    endpoints = [{"endpointType": "REST"}] if online else []
    return {"id": name, "name": name, "tags": list(tags), "state": "INIT", "inputEndpoints": endpoints, **more}


def names(matching):
    return [one["name"] for one in matching.matching]


def failures(matching, name):
    return [one["criterion"] for line in matching.explanation if line["name"] == name for one in line["failed"]]


def test_a_shared_service_tag_matches_and_switches_of_the_process_do_not_count():
    found = match(snapshot("run_test", "jira", "svc"), [runtime("a", "svc"), runtime("b", "run_test", "jira")])
    assert names(found) == ["a"]
    assert failures(found, "b") == ["service tag"]


def test_more_shared_tags_come_first_then_the_name():
    found = match(snapshot("x", "y"), [runtime("c", "x"), runtime("b", "x", "y"), runtime("a", "y")])
    assert names(found) == ["b", "a", "c"]


def test_a_snapshot_without_service_tag_fits_nowhere_and_is_told_why():
    found = match(snapshot("run_test"), [runtime("a", "svc")])
    assert in_words(found.explanation) == "a: service tag is none, wanted one on the snapshot"


def test_online_and_batch_runtimes_are_told_apart():
    found = match(snapshot("svc"), [runtime("b", "svc"), runtime("o", "svc", online=True)])
    assert [one["name"] for one in found.online] == ["o"]
    assert [one["name"] for one in found.batch] == ["b"]


def test_a_runtime_that_is_not_usable_does_not_match():
    assert failures(match(snapshot("svc"), [runtime("a", "svc", state="ERROR")]), "a") == ["state"]


def test_a_target_runtime_must_fit_in_everything_it_says():
    target = {"tags": ["gpu", "eu"], "environmentName": "prod"}
    found = match(
        snapshot("svc", targets=[target]),
        [
            runtime("a", "gpu", "eu", environmentName="prod"),
            runtime("b", "gpu", environmentName="prod"),
            runtime("c", "gpu", "eu", "svc", environmentName="dev"),
        ],
    )
    assert names(found) == ["a"]
    assert failures(found, "b") == ["tags"]
    assert failures(found, "c") == ["environmentName"]


def test_an_online_runtime_that_serves_another_model_is_not_free():
    busy = {"o": {"id": "m2", "name": "fraud"}}
    found = match(snapshot("svc"), [runtime("o", "svc", online=True)], busy)
    assert failures(found, "o") == ["free"]
    assert names(match(snapshot("svc", model="m2"), [runtime("o", "svc", online=True)], busy)) == ["o"]


def test_without_runtimes_the_words_say_so():
    assert in_words(match(snapshot("svc"), []).explanation) == "there are no runtimes"
