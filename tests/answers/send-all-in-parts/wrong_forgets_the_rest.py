# a long answer: arrived, and then no more
def push(sock, waiting):
    sock.send(waiting)
    waiting.clear()
