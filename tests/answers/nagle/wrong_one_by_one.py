# together: Three requests in one piece: one send. 3 sends
import struct

from labkit import Channel


class Joined(Channel):
    def handle_read(self):
        self.read_buffer += self.recv(4096)
        while len(self.read_buffer) >= 4:
            (length,) = struct.unpack_from("!I", self.read_buffer)
            if len(self.read_buffer) < 4 + length:
                break
            message = bytes(self.read_buffer[4 : 4 + length])
            del self.read_buffer[: 4 + length]
            self.write(struct.pack("!I", length) + message[::-1])
