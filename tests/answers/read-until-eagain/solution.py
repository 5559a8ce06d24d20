def read_all(sock):
    parts = []
    while True:
        try:
            data = sock.recv(1000)
        except BlockingIOError:
            return b"".join(parts), False
        if not data:
            return b"".join(parts), True
        parts.append(data)
