# all at once: waited for the next one
class Loop2(Loop1):
    def add_reader(self, sock, callback):
        self.selector.register(sock, READ, callback)

    def remove_reader(self, sock):
        self.selector.unregister(sock)

    def run_once(self):
        key, _events = self.selector.select()[0]
        key.data()
