# all replies: in the order of the requests
import struct

from labkit import Channel
from labkit.loop import READ


class Polite(Channel):
    def __init__(self, *args):
        self.waiting = []
        super().__init__(*args)

    def handle_read(self):
        self.read_buffer += self.recv(4096)
        while len(self.read_buffer) >= 4:
            (length,) = struct.unpack_from("!I", self.read_buffer)
            if len(self.read_buffer) < 4 + length:
                break
            self.waiting.append(bytes(self.read_buffer[4 : 4 + length]))
            del self.read_buffer[: 4 + length]
        self.answer()

    def handle_write(self):
        super().handle_write()
        self.answer()

    def answer(self):
        while not self.closing and self.waiting and len(self.write_buffer) <= 10000:
            self.write(self.reply(self.waiting.pop()))
        if not self.closing:
            full = len(self.write_buffer) > 10000
            self.declare(self.interest & ~READ if full else self.interest | READ)
