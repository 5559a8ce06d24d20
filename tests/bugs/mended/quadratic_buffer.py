from labkit import Channel


class Server(Channel):
    def handle_read(self):
        self.read_buffer += self.recv(1024)
        if self.read_buffer.endswith(b"\n"):
            self.write(b"%d\n" % len(self.read_buffer))
            self.read_buffer.clear()
