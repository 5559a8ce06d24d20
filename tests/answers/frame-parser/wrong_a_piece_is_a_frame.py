# every split: raised error: unpack_from requires
import struct


class Frames:
    def feed(self, data):
        (length,) = struct.unpack_from("!I", data)
        return [data[4 : 4 + length]]
