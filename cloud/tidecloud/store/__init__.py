"""The store: one port, and an engine for each kind of Timestream."""

from tidecloud.store.influxdb import InfluxDbStore
from tidecloud.store.liveanalytics import CALLS_AT_ONCE, LiveAnalyticsStore
from tidecloud.store.port import Answer, AnswerColumn, Refusal, Store

__all__ = [
    "CALLS_AT_ONCE",
    "Answer",
    "AnswerColumn",
    "InfluxDbStore",
    "LiveAnalyticsStore",
    "Refusal",
    "Store",
]
