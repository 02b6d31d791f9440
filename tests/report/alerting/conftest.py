"""What `report/metrics.py` really exports, to hold rules and dashboards against."""

from collections import Counter

import pytest
from prometheus_client.parser import text_string_to_metric_families

from axis_ntp_async.device.records import Device
from axis_ntp_async.health.judge import judge
from axis_ntp_async.health.sweep import Summary
from axis_ntp_async.health.watch.events import Found, SweepEnded
from axis_ntp_async.health.watch.overview import Overview
from axis_ntp_async.health.watch.own_clock import OwnClock
from axis_ntp_async.health.watch.site_causes import SiteCause, SiteTrouble
from axis_ntp_async.report.metrics import exposition
from tests.healthy import AT, clock, outcome


@pytest.fixture(scope="session")
def exported() -> frozenset[str]:
    """The names of all series of an overview that has something of everything."""
    finding = judge(
        outcome(
            Device(name="a", host="10.0.4.17", site="berlin"),
            static_servers=("10.0.0.5",),
            clock=clock(9, 0.55),
            api_version="1.5",
            attempts=2,
            elapsed_s=0.25,
        )
    )
    overview = Overview()
    overview.add(Found(finding=finding, standing=None))
    cause = SiteCause(
        site="berlin",
        trouble=SiteTrouble.WRONG_TIME,
        servers=("10.0.0.5",),
        affected=9,
        of=9,
        began_at=AT,
        within_s=0,
    )
    ended = SweepEnded(
        number=1,
        began_at=AT,
        ended_at=AT,
        interval_s=300,
        summary=Summary(),
        site_causes=(cause,),
        own_clock=OwnClock(skew_s=9, devices=9, is_odd=True),
    )
    overview.add(ended)
    overview.rollouts = Counter({("r1", "canary", "healthy"): 1})
    families = text_string_to_metric_families(exposition(overview).decode())
    return frozenset(sample.name for family in families for sample in family.samples)
