# every split: stops after 0 of 11
import struct


class Frames:
    def feed(self, data):
        messages = []
        while len(data) >= 4:
            (length,) = struct.unpack_from("!I", data)
            if len(data) < 4 + length:
                break
            messages.append(data[4 : 4 + length])
            data = data[4 + length :]
        return messages
