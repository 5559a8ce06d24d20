# one leaves: about a socket that is closed
class Loop2(Loop1):
    def add_reader(self, sock, callback):
        self.selector.register(sock, READ, callback)

    def remove_reader(self, sock):
        pass

    def run_once(self):
        for key, _events in self.selector.select():
            key.data()
