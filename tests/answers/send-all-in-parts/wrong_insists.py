# a long answer: runs in a circle
def push(sock, waiting):
    while waiting:
        try:
            del waiting[: sock.send(waiting)]
        except BlockingIOError:
            continue
