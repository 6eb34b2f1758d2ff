"""A small stateful Jira over real HTTP on loopback, Cloud or Data Center, for tests and the demo.

In a test: `with JiraStandIn("cloud") as jira: jira.url, jira.tracker, jira.faults, jira.exchanges`. As a
program: `python -m tests.jira_stand_in --port 8099`. Its exchanges are checked against the vendor's OpenAPI
document in tests/contract/tickets/test_vendor_document.py.
"""

from tests.jira_stand_in.gate import Exchange, Faults
from tests.jira_stand_in.server import PERSONAL_ACCESS_TOKEN, TOKEN, USER, JiraStandIn
from tests.jira_stand_in.tracker import Flavour, Issue, Tracker

__all__ = [
    "PERSONAL_ACCESS_TOKEN",
    "TOKEN",
    "USER",
    "Exchange",
    "Faults",
    "Flavour",
    "Issue",
    "JiraStandIn",
    "Tracker",
]
