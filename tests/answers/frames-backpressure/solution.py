import struct

from labkit import Channel
from labkit.loop import READ


class Polite(Channel):
    limit = 10000

    def handle_read(self):
        self.read_buffer += self.recv(4096)
        self.answer()

    def handle_write(self):
        super().handle_write()
        self.answer()

    def answer(self):
        while not self.closing and len(self.write_buffer) <= self.limit and len(self.read_buffer) >= 4:
            (length,) = struct.unpack_from("!I", self.read_buffer)
            if len(self.read_buffer) < 4 + length:
                break
            message = bytes(self.read_buffer[4 : 4 + length])
            del self.read_buffer[: 4 + length]
            self.write(self.reply(message))
        if not self.closing:
            full = len(self.write_buffer) > self.limit
            self.declare(self.interest & ~READ if full else self.interest | READ)
