# everything: It stays open
kept = []


async def serve(reader, writer):
    kept.append(writer)
    while data := await reader.read(100):
        for byte in data:
            writer.write(bytes([byte]) * 20_000)
            await writer.drain()
