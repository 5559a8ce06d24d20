# takes everything: in the order in which they were sent
def read_all(sock):
    data = b""
    while True:
        try:
            more = sock.recv(1000)
        except BlockingIOError:
            return data, False
        if not more:
            return data, True
        data = more + data
