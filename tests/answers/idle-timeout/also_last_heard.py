import selectors
import time


def serve(listener, selector, limit):
    selector.register(listener, selectors.EVENT_READ)
    heard = {}
    while True:
        timeout = None
        if heard:
            timeout = max(0, min(heard.values()) + limit - time.monotonic())
        events = selector.select(timeout)
        now = time.monotonic()
        for key, _ in events:
            if key.fileobj is listener:
                sock, _ = listener.accept()
                sock.setblocking(False)
                selector.register(sock, selectors.EVENT_READ)
                heard[sock] = now
            elif data := key.fileobj.recv(4096):
                key.fileobj.send(data)
                heard[key.fileobj] = now
            else:
                heard[key.fileobj] = now - limit
        for sock, last in list(heard.items()):
            if last + limit <= now:
                del heard[sock]
                selector.unregister(sock)
                sock.close()
