# a word: alice has connected
HIGH = 65_536


class Connection:
    def __init__(self, loop, sock, on_data):
        self.loop, self.sock, self.on_data = loop, sock, on_data
        self.write_buffer, self.closing, self.closed = bytearray(), False, False
        self.ask()

    def write(self, data):
        if not self.closing:
            self.write_buffer += data
            self.writable()

    def close(self):
        self.closing = True
        self.ask()

    def readable(self):
        data = self.sock.recv(HIGH)
        if data:
            self.on_data(self, data)
        else:
            self.close()

    def writable(self):
        try:
            del self.write_buffer[: self.sock.send(self.write_buffer)]
        except BlockingIOError:
            pass
        self.ask()

    def ask(self):
        if self.closed:
            return
        if self.closing or len(self.write_buffer) >= HIGH:
            self.loop.remove_reader(self.sock)
        else:
            self.loop.add_reader(self.sock, self.readable)
        if True:
            self.loop.add_writer(self.sock, self.writable)
        else:
            self.loop.remove_writer(self.sock)
        if self.closing and not self.write_buffer:
            self.closed = True
            self.sock.close()


class Loop4(Loop3):
    def attach(self, sock, on_data):
        return Connection(self, sock, on_data)
