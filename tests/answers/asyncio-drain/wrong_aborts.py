# everything: bytes. 7
async def serve(reader, writer):
    while data := await reader.read(100):
        for byte in data:
            writer.write(bytes([byte]) * 20_000)
            await writer.drain()
    writer.transport.abort()
