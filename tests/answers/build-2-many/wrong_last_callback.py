# everybody: bob has connected
class Loop2(Loop1):
    def remove_reader(self, sock):
        self.selector.unregister(sock)

    def run_once(self):
        for _key, _events in self.selector.select():
            try:
                self.callback()
            except BlockingIOError:
                pass
