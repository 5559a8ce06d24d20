# takes everything: sleeps in recvfrom
def read_all(sock):
    sock.setblocking(True)
    parts = []
    while data := sock.recv(1000):
        parts.append(data)
    return b"".join(parts), True
