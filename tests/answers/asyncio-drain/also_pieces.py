async def serve(reader, writer):
    while data := await reader.read(1):
        for _ in range(20):
            writer.write(data * 1000)
            await writer.drain()
    writer.close()
