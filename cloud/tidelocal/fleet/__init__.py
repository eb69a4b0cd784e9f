"""What a thing may ask of its cloud beside telemetry, where MiniStack lacks it or differs."""

from tidelocal.fleet import job_details
from tidelocal.fleet.claims import SigningRequests
from tidelocal.fleet.defender import Defender
from tidelocal.fleet.metric_values import MetricValuesApi
from tidelocal.fleet.requests import ThingRequests
from tidelocal.fleet.shadow import ShadowRefusedError, accept, delta

__all__ = [
    "Defender",
    "MetricValuesApi",
    "ShadowRefusedError",
    "SigningRequests",
    "ThingRequests",
    "accept",
    "delta",
    "job_details",
]
