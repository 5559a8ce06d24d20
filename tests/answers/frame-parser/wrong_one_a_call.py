# every split: stops after 5 of 11
import struct


class Frames:
    def __init__(self):
        self.buffer = bytearray()

    def feed(self, data):
        self.buffer += data
        if len(self.buffer) < 4:
            return []
        (length,) = struct.unpack_from("!I", self.buffer)
        if len(self.buffer) < 4 + length:
            return []
        message = bytes(self.buffer[4 : 4 + length])
        del self.buffer[: 4 + length]
        return [message]
