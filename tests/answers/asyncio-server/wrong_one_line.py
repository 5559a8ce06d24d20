# many lines: Line 2 of alice's
async def serve(reader, writer):
    line = await reader.readline()
    writer.write(line.upper())
    await writer.drain()
