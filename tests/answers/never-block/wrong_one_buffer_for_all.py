# half a line: bob's line is answered while alice's is half
from labkit import Channel

together = bytearray()


class Lines(Channel):
    def handle_read(self):
        together.extend(self.recv(4096))
        while b"\n" in together:
            at = together.index(b"\n") + 1
            self.write(together[:at].upper())
            del together[:at]
