from labkit import Channel


class Server(Channel):
    def handle_read(self):
        self.read_buffer += self.recv(1024)
        while b"\n" in self.read_buffer:
            name, _, self.read_buffer = self.read_buffer.partition(b"\n")
            self.write(b"hello, " + name + b"\n")
