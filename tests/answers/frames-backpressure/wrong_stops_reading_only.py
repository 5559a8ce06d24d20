# bounded: The write buffer stays below
import struct

from labkit import Channel
from labkit.loop import READ


class Polite(Channel):
    def handle_read(self):
        self.read_buffer += self.recv(4096)
        while len(self.read_buffer) >= 4:
            (length,) = struct.unpack_from("!I", self.read_buffer)
            if len(self.read_buffer) < 4 + length:
                break
            message = bytes(self.read_buffer[4 : 4 + length])
            del self.read_buffer[: 4 + length]
            self.write(self.reply(message))
        if len(self.write_buffer) > 10000:
            self.declare(self.interest & ~READ)

    def handle_write(self):
        super().handle_write()
        if not self.closing and len(self.write_buffer) <= 10000:
            self.declare(self.interest | READ)
