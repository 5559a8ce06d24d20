# the end: It is held up
async def serve(reader, writer):
    while True:
        line = await reader.readline()
        writer.write(line.upper())
