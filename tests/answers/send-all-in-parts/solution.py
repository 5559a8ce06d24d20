def push(sock, waiting):
    try:
        del waiting[: sock.send(waiting)]
    except BlockingIOError:
        pass
