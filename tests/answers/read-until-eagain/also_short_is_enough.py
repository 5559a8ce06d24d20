def read_all(sock):
    data = b""
    try:
        while True:
            more = sock.recv(1000)
            data += more
            if not more:
                return data, True
    except BlockingIOError:
        return data, False
