# takes everything: It returned 1,000 bytes and False
def read_all(sock):
    try:
        data = sock.recv(1000)
    except BlockingIOError:
        return b"", False
    return data, not data
