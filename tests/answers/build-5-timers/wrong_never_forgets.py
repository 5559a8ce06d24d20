# one timer: the loop sleeps. It spins
import heapq
import itertools
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
    def __init__(self, callback):
        self.callback = callback

    def cancel(self):
        self.callback = None


class Loop5(Loop4):
    def __init__(self, selector):
        super().__init__(selector)
        self.timers, self.count = [], itertools.count()

    def call_at(self, when, callback):
        timer = Timer(callback)
        heapq.heappush(self.timers, (when, next(self.count), timer))
        return timer

    def call_later(self, seconds, callback):
        return self.call_at(time.monotonic() + seconds, callback)

    def run_once(self):
        timeout = max(0, self.timers[0][0] - time.monotonic()) if self.timers else None
        for key, events in self.selector.select(timeout):
            self.handle(key, events)
        now, due = time.monotonic(), []
        while self.timers and self.timers[0][0] <= now:
            due.append(heapq.heappop(self.timers)[2])
        for _timer in due:
            self.call_later(0, lambda: None)
        for timer in due:
            if timer.callback:
                self.call(timer)

    def call(self, timer):
        timer.callback()
