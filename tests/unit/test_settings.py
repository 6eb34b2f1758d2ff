"""What the environment may say about watching the service."""

from __future__ import annotations

import pytest

from mlc_service.settings import InvalidSettings, settings_from


def test_metrics_are_on_and_logs_take_the_form_of_their_place_unless_told_otherwise() -> None:
    usual = settings_from({})
    assert (usual.metrics, usual.metrics_port, usual.log_level, usual.log_format) == (True, None, "info", None)
    assert usual.traces is False
    told = settings_from(
        {
            "MLC_METRICS": "off",
            "MLC_METRICS_PORT": "9100",
            "MLC_LOG_LEVEL": "debug",
            "MLC_LOG_FORMAT": "json",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
        }
    )
    assert (told.metrics, told.metrics_port, told.log_level, told.log_format) == (False, 9100, "debug", "json")
    assert told.traces is True


@pytest.mark.parametrize(
    ("name", "value"), [("MLC_METRICS_PORT", "http"), ("MLC_METRICS_PORT", "70000"), ("MLC_LOG_LEVEL", "loud")]
)
def test_a_value_that_cannot_work_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(InvalidSettings, match=name):
        settings_from({name: value})
