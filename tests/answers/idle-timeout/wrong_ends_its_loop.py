# one who talks: which ended its loop
import selectors
import time


def serve(listener, selector, limit):
    selector.register(listener, selectors.EVENT_READ)
    deadlines = {}
    while True:
        timeout = max(0, min(deadlines.values()) - time.monotonic()) if deadlines else None
        for key, _ in selector.select(timeout):
            sock = key.fileobj
            if sock is listener:
                sock, _ = listener.accept()
                sock.setblocking(False)
                selector.register(sock, selectors.EVENT_READ)
            else:
                data = sock.recv(4096)
                if not data:
                    selector.unregister(sock)
                    sock.close()
                    continue
                sock.send(data)
            deadlines[sock] = time.monotonic() + limit
        for sock in deadlines:
            if deadlines[sock] <= time.monotonic():
                del deadlines[sock]
                selector.unregister(sock)
                sock.close()
