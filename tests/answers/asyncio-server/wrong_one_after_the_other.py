# half a line: bob is served meanwhile
import asyncio

turn = asyncio.Lock()


async def serve(reader, writer):
    async with turn:
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
    writer.close()
