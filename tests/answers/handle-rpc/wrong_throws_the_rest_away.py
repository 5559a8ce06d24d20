# glued: Two and a half
import asyncore
import json
import struct


class RPCHandler(asyncore.dispatcher_with_send):
    rbuf = b""

    def handle_read(self):
        self.rbuf += self.recv(4096)
        answered = False
        while len(self.rbuf) >= 4:
            (length,) = struct.unpack_from("!I", self.rbuf)
            if len(self.rbuf) < 4 + length:
                break
            request = json.loads(self.rbuf[4 : 4 + length])
            self.rbuf = self.rbuf[4 + length :]
            body = json.dumps({"out": "pong", "result": request["params"]}).encode()
            self.send(struct.pack("!I", len(body)) + body)
            answered = True
        if answered:
            self.rbuf = b""
