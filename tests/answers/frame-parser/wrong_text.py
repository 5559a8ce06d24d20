# long ones: raised UnicodeDecodeError
import struct


class Frames:
    def __init__(self):
        self.buffer = ""

    def feed(self, data):
        self.buffer += data.decode()
        messages = []
        while len(self.buffer) >= 4:
            (length,) = struct.unpack_from("!I", self.buffer.encode())
            if len(self.buffer) < 4 + length:
                break
            messages.append(self.buffer[4 : 4 + length].encode())
            self.buffer = self.buffer[4 + length :]
        return messages
