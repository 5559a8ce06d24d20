# lines in one piece: They got
from labkit import Channel


class Server(Channel):
    def handle_read(self):
        self.read_buffer += self.recv(1024)
        if b"\n" in self.read_buffer:
            line, _, self.read_buffer = self.read_buffer.partition(b"\n")
            self.write(line.upper() + b"\n")
            self.read_buffer.clear()
