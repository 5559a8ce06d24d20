# one who talks: and the loop asks to sleep no longer
import selectors


def serve(listener, selector, limit):
    selector.register(listener, selectors.EVENT_READ)
    socks = []
    while True:
        ready = selector.select(limit if socks else None)
        for key, _ in ready:
            sock = key.fileobj
            if sock is listener:
                sock, _ = listener.accept()
                sock.setblocking(False)
                selector.register(sock, selectors.EVENT_READ)
                socks.append(sock)
                continue
            data = sock.recv(4096)
            if data:
                sock.send(data)
            else:
                socks.remove(sock)
                selector.unregister(sock)
                sock.close()
        if not ready:
            for sock in socks:
                selector.unregister(sock)
                sock.close()
            socks.clear()
