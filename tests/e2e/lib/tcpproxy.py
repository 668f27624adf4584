"""A way over TCP to a server of this machine, that can be slow, cut, silent or broken off."""

import asyncio
import socket
import struct
import threading

FAULTS = ("delay", "reset before", "reset after", "black hole", "truncated")


class Proxy:
    """Carries bytes between its own port and a server's. While a fault is set, it befalls every request that begins:

    delay         each piece comes so many seconds late, either way
    reset before  the connection is reset, and the server hears nothing
    reset after   the server gets the request and answers; the connection is reset in place of the answer
    black hole    what was sent is swallowed, and nothing ever comes back
    truncated     half of the answer's first piece arrives, and then the end of the stream
    """

    def __init__(self, target, listen=("127.0.0.1", 0)):
        self.target, self.listen = target, listen
        self.fault, self.seconds, self.requests, self.struck = None, 0.0, 0, 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._begin(), self._loop).result(10)
        self.address = self._server.sockets[0].getsockname()[:2]

    async def _begin(self):
        return await asyncio.start_server(self._serve, *self.listen)

    @property
    def url(self):
        return f"http://{self.address[0]}:{self.address[1]}"

    def set(self, fault, seconds=0.0):
        """From now on this befalls what is sent; None: nothing any more."""
        self.seconds, self.fault = seconds, fault

    def close(self):
        self._loop.call_soon_threadsafe(self._end)
        self._thread.join(5)

    def _end(self):
        self._server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.call_soon(self._loop.stop)

    async def _serve(self, reader, writer):
        try:
            there, back = await asyncio.open_connection(*self.target)
        except OSError:
            return _reset(writer)
        # What befell the request whose answer is awaited.
        fate = {"now": None}
        tasks = [asyncio.create_task(self._ask(reader, back, writer, fate)), asyncio.create_task(self._answer(there, writer, fate))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for end in (back, writer):
                if not end.transport.is_closing():
                    end.close()

    async def _ask(self, client, server, back, fate):
        while data := await _piece(client):
            self.requests += 1
            fate["now"] = fault = self.fault
            self.struck += fault is not None
            if fault == "reset before":
                return _reset(back)
            if fault == "black hole":
                # Deaf for good, as a path that drops every packet is for a connection.
                await _swallow(client)
                return
            if fault == "delay":
                await asyncio.sleep(self.seconds)
            server.write(data)
            await server.drain()

    async def _answer(self, server, client, fate):
        while data := await _piece(server):
            match fate["now"]:
                case "reset after":
                    return _reset(client)
                case "truncated":
                    client.write(data[: len(data) // 2])
                    await client.drain()
                    return
                case "black hole":
                    continue
                case "delay":
                    await asyncio.sleep(self.seconds)
            client.write(data)
            await client.drain()


async def _piece(stream):
    try:
        return await stream.read(65536)
    except OSError:
        return b""


async def _swallow(stream):
    while await _piece(stream):
        pass


def _reset(writer):
    """Ends a connection by RST in place of FIN."""
    raw = writer.get_extra_info("socket")
    try:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    writer.transport.abort()

