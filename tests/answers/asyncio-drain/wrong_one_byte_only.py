# everything: 20,000 came
async def serve(reader, writer):
    if data := await reader.read(1):
        writer.write(data * 20_000)
        await writer.drain()
    writer.close()
