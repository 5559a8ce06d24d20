# one leaves: alice has left, and bob is still echoed
class Loop2(Loop1):
    def add_reader(self, sock, callback):
        self.selector.register(sock, READ, callback)

    def remove_reader(self, sock):
        for key in list(self.selector.get_map().values()):
            self.selector.unregister(key.fileobj)

    def run_once(self):
        for key, _events in self.selector.select():
            key.data()
