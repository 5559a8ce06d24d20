# an idle peer: It was
import selectors
import time


def serve(listener, selector, limit):
    selector.register(listener, selectors.EVENT_READ)
    deadlines = {}

    def close(sock):
        del deadlines[sock]
        selector.unregister(sock)
        sock.close()

    while True:
        timeout = max(0, min(deadlines.values()) - time.monotonic()) if deadlines else None
        for key, _ in selector.select(timeout):
            sock = key.fileobj
            if sock is listener:
                sock, _ = listener.accept()
                sock.setblocking(False)
                selector.register(sock, selectors.EVENT_READ)
                deadlines[sock] = time.monotonic() + limit / 2
                continue
            data = sock.recv(4096)
            if data:
                sock.send(data)
                deadlines[sock] = time.monotonic() + limit / 2
            else:
                close(sock)
        now = time.monotonic()
        for sock in [sock for sock, deadline in deadlines.items() if deadline <= now]:
            close(sock)
