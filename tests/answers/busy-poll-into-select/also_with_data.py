from selectors import EVENT_READ


def serve(listener, selector):
    def accept(sock):
        connection, _ = sock.accept()
        connection.setblocking(False)
        selector.register(connection, EVENT_READ, echo)

    def echo(sock):
        data = sock.recv(100)
        while data:
            data = data[sock.send(data) :]
            if not data:
                return
        selector.unregister(sock)
        sock.close()

    selector.register(listener, EVENT_READ, accept)
    while True:
        for key, _ in selector.select(timeout=5):
            key.data(key.fileobj)
