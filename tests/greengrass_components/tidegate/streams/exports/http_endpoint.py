"""An HTTP endpoint that keeps each request, and answers as it is told."""

from collections.abc import Callable

from tests.greengrass_components.tidegate.loopback_http import Answer, LoopbackHttp, Request


class HttpEndpoint(LoopbackHttp):
    """Keeps requests that were answered with 200 in `taken`, all of them in `requests`."""

    def __init__(
        self,
        status: Callable[[int], int] = lambda _number: 200,
        answer: Callable[[Request], bytes] = lambda _request: b"",
    ) -> None:
        self.requests: list[Request] = []
        self.taken: list[Request] = []

        def keep(request: Request) -> Answer:
            code = status(len(self.requests))
            self.requests.append(request)
            if code == 200:
                self.taken.append(request)
            return Answer(code, answer(request))

        super().__init__(keep)
