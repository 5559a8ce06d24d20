# nothing is not the end: With nothing in the queue
def read_all(sock):
    parts = []
    while True:
        try:
            data = sock.recv(1000)
        except BlockingIOError:
            return b"".join(parts), not parts
        if not data:
            return b"".join(parts), True
        parts.append(data)
