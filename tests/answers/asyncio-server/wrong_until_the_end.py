# many lines: Line 1 of alice's
async def serve(reader, writer):
    for line in (await reader.read()).splitlines(keepends=True):
        writer.write(line.upper())
    writer.close()
