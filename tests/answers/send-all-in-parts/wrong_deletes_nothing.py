# a long answer: began again from the front
def push(sock, waiting):
    try:
        if sock.send(waiting) == len(waiting):
            waiting.clear()
    except BlockingIOError:
        pass
