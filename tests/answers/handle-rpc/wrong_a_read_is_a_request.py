# split: raised error: unpack_from requires
import asyncore
import json
import struct


class RPCHandler(asyncore.dispatcher_with_send):
    def handle_read(self):
        data = self.recv(65536)
        if data:
            (length,) = struct.unpack_from("!I", data)
            request = json.loads(data[4 : 4 + length])
            body = json.dumps({"out": "pong", "result": request["params"]}).encode()
            self.send(struct.pack("!I", len(body)) + body)
