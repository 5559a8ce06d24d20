import json
import struct

from labkit import Channel


class Careful(Channel):
    limit = 10000

    def handle_read(self):
        self.read_buffer += self.recv(4096)
        while len(self.read_buffer) >= 4 and not self.closing:
            (length,) = struct.unpack_from("!I", self.read_buffer)
            if length > self.limit:
                self.reply({"out": "error", "result": f"{length} bytes are too long"})
                return self.handle_close()
            if len(self.read_buffer) < 4 + length:
                break
            text = bytes(self.read_buffer[4 : 4 + length])
            del self.read_buffer[: 4 + length]
            self.reply(self.answer(text))

    def answer(self, text):
        try:
            request = json.loads(text)
            return {"out": request["in"], "result": self.methods[request["in"]](request["params"])}
        except Exception as error:
            return {"out": "error", "result": repr(error)}

    def reply(self, message):
        body = json.dumps(message).encode()
        self.write(struct.pack("!I", len(body)) + body)
