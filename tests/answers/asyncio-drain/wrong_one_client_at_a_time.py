# others: bob is served
import asyncio

turn = asyncio.Lock()


async def serve(reader, writer):
    async with turn:
        while data := await reader.read(100):
            for byte in data:
                writer.write(bytes([byte]) * 20_000)
                await writer.drain()
    writer.close()
