import struct

from labkit import Channel


class Joined(Channel):
    def handle_read(self):
        self.read_buffer += self.recv(65536)
        out = b"".join(self.replies())
        if out:
            self.write(out)

    def replies(self):
        while len(self.read_buffer) >= 4:
            end = 4 + struct.unpack_from("!I", self.read_buffer)[0]
            if end > len(self.read_buffer):
                return
            message = bytes(self.read_buffer[4:end])
            self.read_buffer = self.read_buffer[end:]
            yield struct.pack("!I", len(message)) + message[::-1]
