from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlc_service.lifecycle.errors import IllegalMove
from mlc_service.lifecycle.moves import DEPLOYED_MODEL, ENGINE, MODEL_JOB, check_move, is_final

TABLES = [MODEL_JOB, DEPLOYED_MODEL, ENGINE]


@given(st.sampled_from(TABLES), st.data())
def test_what_the_table_does_not_name_is_refused(table, data):
    state, wanted = data.draw(st.sampled_from(sorted(table))), data.draw(st.sampled_from(sorted(table)))
    if wanted in table[state]:
        check_move(table, "it", state, wanted)
    else:
        with pytest.raises(IllegalMove):
            check_move(table, "it", state, wanted)


@pytest.mark.parametrize("table", TABLES)
def test_every_move_leads_to_a_state_of_the_table(table):
    assert {wanted for allowed in table.values() for wanted in allowed} <= set(table)


def test_a_job_can_go_all_the_way_and_then_nowhere():
    for state, wanted in pairwise(["CREATED", "WAITING", "RUNNING", "COMPLETE"]):
        check_move(MODEL_JOB, "job", state, wanted)
    assert is_final(MODEL_JOB, "COMPLETE")
