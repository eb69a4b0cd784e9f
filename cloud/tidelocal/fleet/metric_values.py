"""ListMetricValues of the IoT API: what a device last reported.

Flow: front -> host (signature) -> [metric values: IAM] -> defender
"""

import json

from tidelocal.fleet.defender import Defender
from tidelocal.host import Answer, Host

PATH = "/metric-values"


class MetricValuesApi:
    """One operation, for the host to ask before MiniStack."""

    def __init__(self, host: Host, defender: Defender) -> None:
        self._host, self._defender = host, defender

    def answer(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        _body: bytes,
        query: dict[str, list[str]],
    ) -> Answer | None:
        """Answer a call about metrics; None when it is about something else."""
        if (method, path) != ("GET", PATH):
            return None
        account, region = self._host.scopes.caller()
        thing, metric = query.get("thingName", [""])[0], query.get("metricName", [""])[0]
        resource = f"arn:aws:iot:{region}:{account}:thing/{thing}"
        denied = self._host.denied("iot:ListMetricValues", headers, resource)
        if denied:
            return denied
        answer = {"metricDatumList": self._defender.values(account, region, thing, metric)}
        return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()
