import struct

from labkit import Channel


class Joined(Channel):
    def handle_read(self):
        self.read_buffer += self.recv(4096)
        replies = bytearray()
        while len(self.read_buffer) >= 4:
            (length,) = struct.unpack_from("!I", self.read_buffer)
            if len(self.read_buffer) < 4 + length:
                break
            replies += struct.pack("!I", length) + self.read_buffer[4 : 4 + length][::-1]
            del self.read_buffer[: 4 + length]
        self.write(replies)
