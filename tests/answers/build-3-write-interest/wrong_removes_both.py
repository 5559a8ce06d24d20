# the reader is removed: Her writer stays
WRITE = selectors.EVENT_WRITE


class Loop3(Loop2):
    def add_reader(self, sock, callback):
        self._set(sock, READ, callback)

    def remove_reader(self, sock):
        self._set(sock, READ, None)
        self._set(sock, WRITE, None)

    def add_writer(self, sock, callback):
        self._set(sock, WRITE, callback)

    def remove_writer(self, sock):
        self._set(sock, WRITE, None)

    def _set(self, sock, event, callback):
        key = self.selector.get_map().get(sock.fileno())
        callbacks = dict(key.data) if key else {}
        if callback:
            callbacks[event] = callback
        else:
            callbacks.pop(event, None)
        events = sum(callbacks)
        if key and events:
            self.selector.modify(sock, events, callbacks)
        elif events:
            self.selector.register(sock, events, callbacks)
        elif key:
            self.selector.unregister(sock)

    def run_once(self):
        for key, events in self.selector.select():
            for event in (READ, WRITE):
                now = self.selector.get_map().get(key.fd)
                if now and events & event and event in now.data:
                    now.data[event]()
