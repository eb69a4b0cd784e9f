"""A stream manager at work: store, server, exports and status page, wired together.

Flow: clients -> server -> store -> exports -> Kinesis | S3 | IoT Core | SiteWise | HTTP
`adopt` takes changed settings while it runs: exports begin anew where their cursors are, sockets
are opened anew (clients connect again), and only the store's folder waits for the next start.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from tidegate.ipc import IpcClient
from tidegate.kinesis.credentials import CredentialSource
from tidegate.process import log_refused
from tidegate.streams.admission import NucleusAdmission, TokenAdmission, everyone
from tidegate.streams.errors import StreamsError
from tidegate.streams.exports.aws_access import AwsAccess
from tidegate.streams.exports.exports import Exports
from tidegate.streams.manager_settings import ManagerSettings
from tidegate.streams.server import Server
from tidegate.streams.session import Admit
from tidegate.streams.store import Store
from tidegate.streams.token import token_in

if TYPE_CHECKING:
    from tidegate.status_page import StatusPage

log = logging.getLogger("tidegate.streams")

_OF_SOCKETS = ("port", "socket", "token_file", "authentication")
_OF_EXPORTS = ("region", "endpoints", "retry_s_max", "export_bits_per_s_max")
_OF_NEXT_START = ("store",)


class Manager:
    """Serves from `open` to `close`; raises `GateError` and `OSError` for what can't be.

    `serving` is done when it serves no more, for a bug. Use it in a running loop.
    """

    def __init__(
        self,
        settings: ManagerSettings,
        environment: Mapping[str, str],
        ipc: IpcClient | None,
    ) -> None:
        self.settings = settings
        self._environment, self._ipc = environment, ipc
        self.store = Store(settings.store)
        self.server: Server | None = None
        self.exports: Exports | None = None
        self.port: int | None = None
        self.page: StatusPage | None = None
        self.serving: asyncio.Task[None] | None = None
        self._until = asyncio.Event()

    async def open(self) -> None:
        """Begin to serve and to export."""
        _set_level(self.settings)
        self.exports = self._exports(self.settings)
        await self._serve(self.settings)
        await self._show(self.settings)

    async def close(self) -> None:
        """Answer what waits, write down how far each export is, sync and close all."""
        await self._end_serving()
        await self._hide()
        if self.exports:
            await self.exports.close()
        self.store.close()
        self.settings.socket.unlink(missing_ok=True)

    async def adopt(self, settings: ManagerSettings) -> None:
        """Go on with other settings; raises `GateError`, and all is as before then."""
        before = self.settings
        changed = [
            one.name
            for one in fields(settings)
            if getattr(settings, one.name) != getattr(before, one.name)
        ]
        if waits := [name for name in changed if name in _OF_NEXT_START]:
            log.warning(
                "%s waits for the next start of this component: what is stored there stays",
                ", ".join(waits),
            )
        settings = replace(settings, **{name: getattr(before, name) for name in _OF_NEXT_START})
        access, _ = self._access(settings), self._admission(settings)  # complain before a change
        if any(name in _OF_EXPORTS for name in changed):
            await self._swap_exports(settings, access)
        if any(name in _OF_SOCKETS for name in changed):
            settings = await self._reopen(settings)
        self.settings = settings
        if "status_port" in changed:
            await self._hide()
            await self._show(settings)
        taken = [name for name in changed if name not in (*_OF_NEXT_START, "passed_over")]
        log.info("configuration read again, taken: %s", ", ".join(taken) or "nothing new")
        _set_level(settings)

    # ---- exports ----

    def _access(self, settings: ManagerSettings) -> AwsAccess:
        access = AwsAccess(
            region=settings.region,
            credentials=CredentialSource(self._environment, time.time),
            endpoints=settings.endpoints,
            environment=self._environment,
        )
        access.proxy_to("https://amazonaws.com")  # complains now, not at each export
        return access

    def _exports(self, settings: ManagerSettings, access: AwsAccess | None = None) -> Exports:
        return Exports(
            self.store,
            access or self._access(settings),
            delay_s_max=settings.retry_s_max,
            bits_per_s_max=settings.export_bits_per_s_max,
        )

    async def _swap_exports(self, settings: ManagerSettings, access: AwsAccess) -> None:
        lost = 0
        if self.exports:
            await self.exports.close()
            lost = self.exports.lost_reports
        self.exports = self._exports(settings, access)
        self.exports.lost_reports = lost

    # ---- sockets ----

    async def _serve(self, settings: ManagerSettings) -> None:
        server = Server(self.store, admit=self._admission(settings))
        self.port = await server.listen(settings.port, settings.socket)
        if self.server:
            server.refused_connections = self.server.refused_connections
        self.server, self._until = server, asyncio.Event()
        self.serving = asyncio.create_task(server.run(self._until))
        log.info(
            "listening port=%s socket=%s streams=%d authentication=%s",
            self.port, settings.socket, len(self.store.names()), settings.authentication,
        )  # fmt: skip

    async def _end_serving(self) -> None:
        self._until.set()
        if self.serving:
            await asyncio.wait({self.serving})
            self.serving = None

    async def _reopen(self, settings: ManagerSettings) -> ManagerSettings:
        """Listen as `settings` say, or as before where that can't be; return what is in force."""
        before = self.settings
        if settings.port == before.port == 0 and self.port:
            settings = replace(settings, port=self.port)  # a free one; clients know it by now
        log.warning("sockets are opened anew: clients have to connect again")
        await self._end_serving()
        if settings.socket != before.socket:
            before.socket.unlink(missing_ok=True)
        try:
            await self._serve(settings)
        except (StreamsError, OSError) as error:
            log_refused(error if isinstance(error, StreamsError) else StreamsError(str(error)))
            kept = {name: getattr(before, name) for name in _OF_SOCKETS}
            settings = replace(settings, **kept)
            await self._serve(settings)
        return settings

    def _admission(self, settings: ManagerSettings) -> Admit:
        if settings.authentication == "none":
            return everyone
        if settings.authentication == "nucleus":
            if self._ipc is None:
                raise StreamsError("authentication is nucleus, and no nucleus started this process")
            return NucleusAdmission(self._ipc)
        settings.token_file.parent.mkdir(parents=True, exist_ok=True)
        return TokenAdmission(token_in(settings.token_file))

    # ---- the page ----

    async def _show(self, settings: ManagerSettings) -> None:
        if not settings.status_port:
            return
        # Two megabytes that a manager without a page does not need.
        from tidegate.status_page import StatusPage  # noqa: PLC0415
        from tidegate.streams.manager_view import ManagerView  # noqa: PLC0415

        self.page = StatusPage(ManagerView(self))
        await self.page.try_open(settings.status_port)

    async def _hide(self) -> None:
        if self.page:
            await self.page.close()
            self.page = None


def _set_level(settings: ManagerSettings) -> None:
    logging.getLogger().setLevel(settings.log_level.upper())
