import asyncore


class Shout(asyncore.dispatcher):
    out = b""

    def handle_read(self):
        self.out += self.recv(1000).upper()

    def writable(self):
        return len(self.out) > 0

    def handle_write(self):
        self.out = self.out[self.send(self.out[:512]) :]
