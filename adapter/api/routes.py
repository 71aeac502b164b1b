"""The web application: every route there is."""

from aiohttp import web, web_response

from adapter.api.health import Health
from adapter.errors import AdapterError
from adapter.flow.receive import Door
from adapter.infra.services import Services
from adapter.schemas import schema

# Strangers are not told which versions run here. A signal of the application would miss the answers to requests that are no HTTP.
vars(web_response)["SERVER_SOFTWARE"] = "storefront-adapter"


def web_application(services: Services, door: Door) -> web.Application:
    """The routes over the parts of one process."""
    health = Health(services)
    application = web.Application()
    application.add_routes(
        [
            web.post("/hooks/{source_id:[a-z0-9-]{1,63}}", door.handle),
            web.get("/healthz/live", health.live),
            web.get("/healthz/ready", health.ready),
            web.get("/metrics", health.metrics),
            web.get("/schemas/{name:[a-z_.]+}/{version}.json", published_schema),
        ]
    )
    return application


async def published_schema(request: web.Request) -> web.Response:
    """A JSON Schema by name and version, such as `/schemas/order/1.json`."""
    try:
        found = schema(request.match_info["name"])
    except (KeyError, AdapterError):
        raise web.HTTPNotFound from None
    if not str(found["$id"]).endswith(f"/{request.match_info['version']}.json"):
        raise web.HTTPNotFound
    return web.json_response(found, content_type="application/schema+json")
