from labkit import Channel


class Lines(Channel):
    def handle_read(self):
        try:
            data = self.socket.recv(1)
        except BlockingIOError:
            return
        if not data:
            return self.handle_close()
        self.read_buffer.extend(data)
        *lines, rest = self.read_buffer.split(b"\n")
        self.read_buffer = rest
        for line in lines:
            self.write((line + b"\n").upper())
