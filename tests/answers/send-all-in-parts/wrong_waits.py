# a long answer: sleeps in sendto
def push(sock, waiting):
    sock.setblocking(True)
    while waiting:
        del waiting[: sock.send(waiting)]
    sock.setblocking(False)
