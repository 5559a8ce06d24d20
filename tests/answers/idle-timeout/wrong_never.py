# an idle peer: It stays open
import selectors


def serve(listener, selector, limit):
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            sock = key.fileobj
            if sock is listener:
                sock, _ = listener.accept()
                sock.setblocking(False)
                selector.register(sock, selectors.EVENT_READ)
                continue
            data = sock.recv(4096)
            if data:
                sock.send(data)
            else:
                selector.unregister(sock)
                sock.close()
