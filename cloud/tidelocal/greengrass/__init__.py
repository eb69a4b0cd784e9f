"""Greengrass v2 in the local cloud: what operators call, and what gateways ask."""

from tidelocal.greengrass.component_versions import ComponentVersions
from tidelocal.greengrass.control_plane import SERVICE, ControlPlane
from tidelocal.greengrass.core_devices import CoreDevices
from tidelocal.greengrass.deployments import Deployments
from tidelocal.greengrass.device_door import DeviceDoor
from tidelocal.greengrass.device_plane import DevicePlane
from tidelocal.greengrass.device_sessions import DeviceSessions
from tidelocal.greengrass.documents import Documents
from tidelocal.greengrass.role_aliases import RoleAliases

__all__ = [
    "SERVICE",
    "ComponentVersions",
    "ControlPlane",
    "CoreDevices",
    "Deployments",
    "DeviceDoor",
    "DevicePlane",
    "DeviceSessions",
    "Documents",
    "RoleAliases",
]
