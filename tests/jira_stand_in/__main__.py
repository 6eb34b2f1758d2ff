"""A Jira that answers until Ctrl-C, for the demo and for looking around."""

from __future__ import annotations

import argparse

from tests.jira_stand_in.server import PERSONAL_ACCESS_TOKEN, TOKEN, USER, JiraStandIn

if __name__ == "__main__":
    arguments = argparse.ArgumentParser(prog="python -m tests.jira_stand_in", description=__doc__)
    arguments.add_argument("--port", type=int, default=0, help="0: a free one")
    arguments.add_argument("--flavour", choices=["cloud", "data_center"], default="cloud")
    arguments.add_argument("--project", default="MLC")
    given = arguments.parse_args()
    jira = JiraStandIn(given.flavour, port=given.port, project=given.project)
    print(f"Jira stand-in ({given.flavour}) at {jira.url}, project {given.project}")
    print(f"user {USER}, token {TOKEN}, personal access token (Data Center) {PERSONAL_ACCESS_TOKEN}")
    print(f"move an issue as a person: POST {jira.url}/stand-in/issues/<key>/move", flush=True)
    jira.serve()
