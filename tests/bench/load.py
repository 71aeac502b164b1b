"""Sends correctly signed, ever new deliveries over kept connections for some seconds, and prints what came of it as JSON.

A process of its own, so that the generator's work is not counted as the service's. Arguments: address, secret, connections, seconds, run.
"""

import asyncio
import json
import sys
from collections import Counter
from datetime import UTC, datetime
from itertools import count
from time import perf_counter
from urllib.parse import urlsplit

from adapter.signature import STANDARD_WEBHOOKS, sign

PADDING = "x" * 900


async def main(address: str, secret: str, connections: int, seconds: float, run: str) -> dict[str, object]:
    """The number of 200s per second, and the milliseconds of each answer."""
    parts = urlsplit(address)
    numbers = count()
    statuses: Counter[int] = Counter()
    milliseconds: list[float] = []
    started = perf_counter()

    async def connection() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        while perf_counter() - started < seconds:
            request = _request(parts.path, secret, f"{run}-{next(numbers)}")
            sent = perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            milliseconds.append((perf_counter() - sent) * 1000)
            statuses[int(head.split(b" ", 2)[1])] += 1
        writer.close()

    await asyncio.gather(*(connection() for _ in range(connections)))
    elapsed = perf_counter() - started
    milliseconds.sort()
    return {
        "rate": statuses[200] / elapsed,
        "p50": milliseconds[len(milliseconds) // 2],
        "p99": milliseconds[int(len(milliseconds) * 0.99)],
        "statuses": dict(statuses),
    }


def _request(path: str, secret: str, name: str) -> bytes:
    now = datetime.now(UTC)
    message = {"type": "order.updated", "timestamp": now.isoformat(), "data": {"id": name, "notes": PADDING}}
    body = json.dumps(message).encode()
    headers = {"Host": "bench", "Content-Length": str(len(body)), "Content-Type": "application/json"}
    headers |= sign(STANDARD_WEBHOOKS, body, secret, id=f"msg_{name}", timestamp=now)
    head = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


if __name__ == "__main__":
    address, secret, connections, seconds, run = sys.argv[1:]
    print(json.dumps(asyncio.run(main(address, secret, int(connections), float(seconds), run))))
