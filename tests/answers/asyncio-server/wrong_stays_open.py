# the end: It stays open
kept = []


async def serve(reader, writer):
    kept.append(writer)
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
