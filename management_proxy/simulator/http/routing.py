"""The table of management routes, and the way from a handler's refusal to its response."""

from collections.abc import Callable

from management_proxy.simulator.http.wire import BadBody, Request, Response, error

Handler = Callable[[Request], Response]
# Method and path below the management prefix; a path that ends in `/` takes one more part.
Routes = dict[tuple[str, str], Handler]


class Refusal(Exception):
    """A handler's decision for another response than success."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def find(routes: Routes, method: str, path: str) -> Handler | None:
    """Return the handler of a path, with the last part taken as a parameter where no route is
    exact."""
    exact = routes.get((method, path))
    if exact:
        return exact
    head, _, last = path.rpartition("/")
    return routes.get((method, f"{head}/")) if head and last else None


def run(handler: Handler, request: Request) -> Response:
    try:
        return handler(request)
    except Refusal as refusal:
        return refusal.response
    except BadBody:
        return error(400, "invalid body")
