# bounded: is ready to read, and nothing is done about it
import struct

from labkit import Channel


class Polite(Channel):
    def handle_read(self):
        if len(self.write_buffer) <= 10000:
            self.read_buffer += self.recv(40)
            self.answer()

    def handle_write(self):
        super().handle_write()
        self.answer()

    def answer(self):
        while not self.closing and len(self.write_buffer) <= 10000 and len(self.read_buffer) >= 4:
            (length,) = struct.unpack_from("!I", self.read_buffer)
            if len(self.read_buffer) < 4 + length:
                break
            message = bytes(self.read_buffer[4 : 4 + length])
            del self.read_buffer[: 4 + length]
            self.write(self.reply(message))
