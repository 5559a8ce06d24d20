# bounded: All of it waits
async def serve(reader, writer):
    while data := await reader.read(100):
        for byte in data:
            writer.write(bytes([byte]) * 20_000)
    writer.close()
