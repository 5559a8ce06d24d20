# a long answer: raised BlockingIOError
def push(sock, waiting):
    while waiting:
        del waiting[: sock.send(waiting)]
