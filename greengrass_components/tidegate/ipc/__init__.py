"""Greengrass IPC: the client of a component, and the server of a nucleus."""

from tidegate.ipc.client import IpcClient, Subscription
from tidegate.ipc.errors import (
    ConnectionLostError,
    IpcError,
    OperationError,
    TokenRefusedError,
)

__all__ = [
    "ConnectionLostError",
    "IpcClient",
    "IpcError",
    "OperationError",
    "Subscription",
    "TokenRefusedError",
]
