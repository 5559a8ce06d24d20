# replies: A request: 8 bytes of replies
import struct

from labkit import Channel


class Joined(Channel):
    waiting = b""

    def handle_read(self):
        self.read_buffer += self.recv(4096)
        while len(self.read_buffer) >= 4:
            (length,) = struct.unpack_from("!I", self.read_buffer)
            if len(self.read_buffer) < 4 + length:
                break
            message = bytes(self.read_buffer[4 : 4 + length])
            del self.read_buffer[: 4 + length]
            self.waiting += struct.pack("!I", length) + message[::-1]
        if len(self.waiting) > 20:
            self.write(self.waiting)
            self.waiting = b""
