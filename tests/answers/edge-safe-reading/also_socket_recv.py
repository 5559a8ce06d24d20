from labkit import Channel


class EdgeEcho(Channel):
    def handle_read(self):
        while not self.closing:
            try:
                data = self.socket.recv(1024)
            except BlockingIOError:
                return
            if data:
                self.write(data)
            else:
                self.handle_close()
