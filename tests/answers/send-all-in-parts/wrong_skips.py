# a long answer: some in between are lost
def push(sock, waiting):
    try:
        del waiting[: sock.send(waiting) + 1]
    except BlockingIOError:
        pass
