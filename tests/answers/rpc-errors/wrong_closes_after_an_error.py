# wrong names: and her connection was closed
import json
import struct

from labkit import Channel


class Careful(Channel):
    def handle_read(self):
        self.read_buffer += self.recv(4096)
        while len(self.read_buffer) >= 4 and not self.closing:
            (length,) = struct.unpack_from("!I", self.read_buffer)
            if length > 10000:
                self.reply({"out": "error", "result": "too long"})
                return self.handle_close()
            if len(self.read_buffer) < 4 + length:
                break
            text = bytes(self.read_buffer[4 : 4 + length])
            del self.read_buffer[: 4 + length]
            try:
                request = json.loads(text)
                self.reply({"out": request["in"], "result": self.methods[request["in"]](request["params"])})
            except Exception as error:
                self.reply({"out": "error", "result": repr(error)})
                return self.handle_close()

    def reply(self, message):
        body = json.dumps(message).encode()
        self.write(struct.pack("!I", len(body)) + body)
