def push(sock, waiting):
    while waiting:
        try:
            sent = sock.send(bytes(waiting[:5000]))
        except BlockingIOError:
            break
        waiting[:sent] = b""
