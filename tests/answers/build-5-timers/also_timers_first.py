import bisect
import selectors
import time

READ = selectors.EVENT_READ


class Loop1:
    def __init__(self, selector):
        self.selector = selector

    def add_reader(self, sock, callback):
        self.selector.register(sock, READ)
        self.callback = callback

    def run_once(self):
        for _key, _events in self.selector.select():
            self.callback()


class Loop2(Loop1):
    def add_reader(self, sock, callback):
        self.selector.register(sock, READ, callback)

    def remove_reader(self, sock):
        self.selector.unregister(sock)

    def run_once(self):
        for key, _events in self.selector.select():
            key.data()


WRITE = selectors.EVENT_WRITE


class Loop3(Loop2):
    def add_reader(self, sock, callback):
        self._set(sock, READ, callback)

    def remove_reader(self, sock):
        self._set(sock, READ, None)

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
            self.handle(key, events)

    def handle(self, key, events):
        for event in (READ, WRITE):
            now = self.selector.get_map().get(key.fd)
            if now and events & event and event in now.data:
                now.data[event]()


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
        if self.write_buffer:
            self.loop.add_writer(self.sock, self.writable)
        else:
            self.loop.remove_writer(self.sock)
        if self.closing and not self.write_buffer:
            self.closed = True
            self.sock.close()


class Loop4(Loop3):
    def attach(self, sock, on_data):
        return Connection(self, sock, on_data)


class Timer:
    def __init__(self, loop, when, callback):
        self.loop, self.when, self.callback = loop, when, callback

    def cancel(self):
        if self in self.loop.timers:
            self.loop.timers.remove(self)
        self.callback = lambda: None


class Loop5(Loop4):
    def __init__(self, selector):
        super().__init__(selector)
        self.timers = []

    def call_at(self, when, callback):
        timer = Timer(self, when, callback)
        bisect.insort(self.timers, timer, key=lambda each: each.when)
        return timer

    def call_later(self, seconds, callback):
        return self.call_at(time.monotonic() + seconds, callback)

    def run_once(self):
        now = time.monotonic()
        due = [timer for timer in self.timers if timer.when <= now]
        self.timers = self.timers[len(due) :]
        for timer in due:
            timer.callback()
        timeout = None
        if self.timers:
            timeout = max(0, self.timers[0].when - time.monotonic())
        for key, events in self.selector.select(timeout):
            self.handle(key, events)
