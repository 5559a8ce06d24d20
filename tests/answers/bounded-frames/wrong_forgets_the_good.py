# what came before: two messages, and then the refusal. What comes out is a refusal
import struct


class Bounded:
    def __init__(self):
        self.buffer = bytearray()

    def feed(self, data):
        self.buffer += data
        messages = []
        while len(self.buffer) >= 4:
            (length,) = struct.unpack_from("!I", self.buffer)
            if length > 1000:
                raise ValueError
            if len(self.buffer) < 4 + length:
                break
            messages.append(bytes(self.buffer[4 : 4 + length]))
            del self.buffer[: 4 + length]
        return messages
