import asyncore
import json


class RPCHandler(asyncore.dispatcher_with_send):
    def __init__(self, sock):
        super().__init__(sock)
        self.rbuf = bytearray()

    def handle_read(self):
        self.rbuf += self.recv(100)
        self.handle_rpc()

    def handle_rpc(self):
        size = int.from_bytes(self.rbuf[:4], "big")
        while len(self.rbuf) >= 4 + size and len(self.rbuf) >= 4:
            request = json.loads(bytes(self.rbuf[4 : 4 + size]))
            del self.rbuf[: 4 + size]
            reply = json.dumps({"out": "pong", "result": request["params"]}).encode()
            self.send(len(reply).to_bytes(4, "big"))
            self.send(reply)
            size = int.from_bytes(self.rbuf[:4], "big")
