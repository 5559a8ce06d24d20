import struct


class Frames:
    def __init__(self):
        self.kept = b""

    def feed(self, data):
        self.kept += data
        return list(self.whole())

    def whole(self):
        while len(self.kept) > 3:
            size = 4 + struct.unpack("!I", self.kept[:4])[0]
            if size > len(self.kept):
                return
            frame, self.kept = self.kept[:size], self.kept[size:]
            yield frame[4:]
