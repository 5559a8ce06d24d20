# sleeps: sleeps in clock_nanosleep
import time


def serve(listener, selector):
    socks = []
    while True:
        time.sleep(0.01)
        try:
            sock, _ = listener.accept()
            sock.setblocking(False)
            socks.append(sock)
        except BlockingIOError:
            pass
        for sock in list(socks):
            try:
                data = sock.recv(4096)
            except BlockingIOError:
                continue
            if data:
                sock.send(data)
            else:
                socks.remove(sock)
                sock.close()
