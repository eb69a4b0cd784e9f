"""One deployment to a group, from the packages to what each device made of it.

Flow: packages -> publish -> deployment -> devices, waited for -> outcome
A device that fails gives the whole group back what it had before; one that is off is waited for
as long as asked, and gets the deployment whenever it comes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape

from tidectl.errors import TidectlError
from tidectl.gateway.cloud_route import CloudRoute
from tidectl.gateway.deployment_progress import DeploymentProgress, named
from tidectl.gateway.device_state import DeviceState
from tidectl.gateway.package import Package
from tidectl.output import err, say


class GroupDeployment:
    """Deployments to `group` by `route`, watched for `timeout_s` at most."""

    def __init__(self, route: CloudRoute, group: str, *, timeout_s: float) -> None:
        self._route, self._group, self._timeout_s = route, group, timeout_s

    def deploy(
        self,
        packages: Sequence[Package],
        configuration: Mapping[str, Any],
        *,
        replace: bool,
        roll_back: bool,
    ) -> dict[str, Any]:
        """Return `deployment`, `devices`, `done`, and `rolled_back` where one failed."""
        route = self._route
        devices = route.devices(self._group)
        before = route.latest_of_group(self._group)
        for package in packages:
            with err.status(f"publishing {package.name}"):
                route.publish(package)
        deployment = route.deploy(
            self._group, packages, configuration, replace=replace, roll_back=roll_back
        )
        states = self._watch(deployment, devices)
        outcome: dict[str, Any] = {
            "deployment": deployment,
            "devices": [
                {"device": one.device, "state": one.state, "why": one.why, "waits": not one.done}
                for one in states
            ],
            "done": all(state.good for state in states),
        }
        failed = [one for one in states if one.done and not one.good]
        if failed and roll_back and before:
            say(f"{len(failed)} of {len(states)} devices failed: the group gets what it had")
            outcome["rolled_back"] = route.deploy_again(self._group, before, "rolled back")
            self._watch(outcome["rolled_back"], [one.device for one in states if one.done])
        return outcome

    def check_done(self, outcome: Mapping[str, Any]) -> None:
        """Raise `TidectlError` where devices are still waited for, with what comes of it."""
        waiting = [one for one in outcome["devices"] if one["waits"]]
        if not waiting:
            return
        names = named([DeviceState(one["device"], one["state"]) for one in waiting])
        what = "what the group had" if "rolled_back" in outcome else "it"
        raise TidectlError(
            f"not done after {self._timeout_s:.0f} s: {names}",
            f"they get {what} once their nucleus runs and reaches the cloud; "
            f"look with {self._look()}",
        )

    def _watch(self, deployment: str, devices: Sequence[str]) -> list[DeviceState]:
        progress = DeploymentProgress(self._timeout_s, reminds=not err.is_terminal)
        with err.status(f"waiting for {len(devices)} devices") as status:

            def show(states: Sequence[DeviceState], elapsed_s: float) -> None:
                for line in progress.lines(states, elapsed_s):
                    say(escape(line))
                missing = [one for one in states if not one.done]
                status.update(escape(f"waiting for {named(missing)}"))

            try:
                return self._route.wait(deployment, devices, show, timeout_s=self._timeout_s)
            except KeyboardInterrupt:
                say(f"the deployment {deployment} goes on without you: {self._look()}")
                raise

    def _look(self) -> str:
        return f"tidectl gateway status --cloud{self._route.target_option}"
