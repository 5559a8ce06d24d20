# echoes: bob gets back what they sent. 0 bytes came
import selectors


def serve(listener, selector):
    selector.register(listener, selectors.EVENT_READ)
    while True:
        selector.select()
        sock, _ = listener.accept()
        sock.setblocking(True)
        while data := sock.recv(4096):
            sock.send(data)
        sock.close()
