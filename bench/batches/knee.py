"""A server on loopback that answers each request after 50 ms, and later where more than 20 are under way.

Beyond the knee a request takes (n / 20)^1.5 times as long, so that throughput falls. Prints its port, and ends with its
standard input.
"""

import asyncio
import sys

DELAY, KNEE, EXPONENT = 0.05, 20, 1.5
under_way = 0


async def serve(reader, writer):
    global under_way
    under_way += 1
    try:
        while (await reader.readline()).strip():
            pass
        await asyncio.sleep(DELAY * max(1.0, under_way / KNEE) ** EXPONENT)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nok\n")
        await writer.drain()
    finally:
        under_way -= 1
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
