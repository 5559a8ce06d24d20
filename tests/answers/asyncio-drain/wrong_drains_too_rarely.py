# bounded:  wait. (
async def serve(reader, writer):
    while data := await reader.read(20):
        for byte in data:
            writer.write(bytes([byte]) * 20_000)
        await writer.drain()
    writer.close()
