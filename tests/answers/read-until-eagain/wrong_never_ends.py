# says the end: and ends: read_all returns them, and True. It returned 1,500 bytes and False
def read_all(sock):
    parts = []
    while True:
        try:
            data = sock.recv(1000)
        except BlockingIOError:
            break
        if not data:
            break
        parts.append(data)
    return b"".join(parts), False
