# lines in pieces: They got b'hello, marz
from labkit import Channel


class Server(Channel):
    rest = bytearray()

    def handle_read(self):
        self.rest += self.recv(1024)
        while b"\n" in self.rest:
            name, _, tail = self.rest.partition(b"\n")
            self.rest[:] = tail
            self.write(b"hello, " + name + b"\n")
