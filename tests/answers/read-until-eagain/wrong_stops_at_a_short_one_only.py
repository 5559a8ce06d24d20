# takes everything: BlockingIOError
def read_all(sock):
    parts = []
    while True:
        data = sock.recv(1000)
        parts.append(data)
        if len(data) < 1000:
            return b"".join(parts), not data
