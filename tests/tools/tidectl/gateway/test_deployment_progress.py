"""What is told while a group's devices are waited for."""

from tidectl.gateway.deployment_progress import NAMES_MAX, DeploymentProgress, named
from tidectl.gateway.device_state import DeviceState

ON, OFF = DeviceState("press-1", "SUCCEEDED"), DeviceState("press-2", "QUEUED", "not there")


def test_a_change_is_told_once_and_a_missing_device_at_an_interval() -> None:
    progress = DeploymentProgress(120.0, remind_s=30.0)
    first = progress.lines([DeviceState("press-1", "IN_PROGRESS"), OFF], 0.0)
    assert first == ["press-1: IN_PROGRESS", "press-2: QUEUED not there"]
    assert progress.lines([ON, OFF], 29.9) == ["press-1: SUCCEEDED"]
    reminder = "still waiting for press-2 (QUEUED)"
    assert progress.lines([ON, OFF], 30.1) == [f"30 of 120 s: {reminder}"]
    assert progress.lines([ON, OFF], 60.0) == []
    assert progress.lines([ON, OFF], 61.0) == [f"61 of 120 s: {reminder}"]
    assert progress.lines([ON, DeviceState("press-2", "FAILED", "disk")], 99.0) == [
        "press-2: FAILED disk"
    ]


def test_a_status_line_needs_no_reminders() -> None:
    progress = DeploymentProgress(120.0, reminds=False)
    progress.lines([OFF], 0.0)
    assert progress.lines([OFF], 119.0) == []


def test_many_missing_devices_are_counted() -> None:
    many = [DeviceState(f"press-{number}", "QUEUED") for number in range(NAMES_MAX + 3)]
    assert named(many).endswith("press-7 (QUEUED) and 3 more")
