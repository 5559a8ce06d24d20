# what is too long: 65,536 bytes are announced
import struct


class Bounded:
    def __init__(self):
        self.buffer = bytearray()

    def feed(self, data):
        self.buffer += data
        messages = []
        while len(self.buffer) >= 4:
            _, length = struct.unpack_from("!HH", self.buffer)
            if length > 1000:
                if messages:
                    break
                raise ValueError
            if len(self.buffer) < 4 + length:
                break
            messages.append(bytes(self.buffer[4 : 4 + length]))
            del self.buffer[: 4 + length]
        return messages
