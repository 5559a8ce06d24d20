import heapq
import itertools
import select
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
        for timer in due:
            if timer.callback:
                self.call(timer)

    def call(self, timer):
        timer.callback()


class Mine(selectors.BaseSelector):
    def __init__(self):
        self.poll, self.keys = select.poll(), {}

    def register(self, fileobj, events, data=None):
        fd = fileobj.fileno()
        key = self.keys[fd] = selectors.SelectorKey(fileobj, fd, events, data)
        read, write = events & READ, events & WRITE
        self.poll.register(fd, (select.POLLIN if read else 0) | (select.POLLOUT if write else 0))
        return key

    def unregister(self, fileobj):
        key = self.keys.pop(fileobj.fileno())
        self.poll.unregister(key.fd)
        return key

    def select(self, timeout=None):
        ready = []
        for fd, flags in self.poll.poll(None if timeout is None else timeout * 1000):
            key = self.keys[fd]
            events = (WRITE if flags & ~select.POLLIN else 0) | (READ if flags & ~select.POLLOUT else 0)
            if events & key.events:
                ready.append((key, events & key.events))
        return ready

    def get_map(self):
        return self.keys


class Loop6(Loop5):
    def __init__(self, selector=None):
        super().__init__(Mine() if selector is None else selector)


class Loop7(Loop6):
    def on_error(self, sock, error):
        if sock is not None:
            self.remove_reader(sock)
            self.remove_writer(sock)
            sock.close()

    def handle(self, key, events):
        try:
            super().handle(key, events)
        except Exception as error:
            self.on_error(key.fileobj, error)

    def call(self, timer):
        try:
            super().call(timer)
        except Exception as error:
            self.on_error(None, error)


class Future:
    def __init__(self, loop):
        self.loop = loop
        self.full, self.result, self.error, self.callbacks = False, None, None, []

    def set_result(self, result):
        self.fill(result, None)

    def set_exception(self, error):
        self.fill(None, error)

    def fill(self, result, error):
        self.full, self.result, self.error = True, result, error
        for callback in self.callbacks:
            self.loop.call_later(0, callback)

    def __await__(self):
        if not self.full:
            yield self
        if self.error is not None:
            raise self.error
        return self.result


class Task(Future):
    def __init__(self, loop, coroutine):
        super().__init__(loop)
        self.coroutine = coroutine

    def step(self):
        try:
            future = self.coroutine.send(None)
        except StopIteration as end:
            self.set_result(end.value)
        except Exception as error:
            self.set_exception(error)
        else:
            future.callbacks.append(self.step)


class Loop8(Loop7):
    def create_future(self):
        return Future(self)

    def create_task(self, coroutine):
        task = Task(self, coroutine)
        self.call_later(0, task.step)
        return task

    async def sleep(self, seconds):
        future = self.create_future()
        self.call_later(seconds, lambda: future.set_result(None))
        await future

    async def readable(self, sock):
        future = self.create_future()

        def ready():
            self.remove_reader(sock)
            future.set_result(None)

        self.add_reader(sock, ready)
        await future

    async def writable(self, sock):
        future = self.create_future()

        def ready():
            self.remove_writer(sock)
            future.set_result(None)

        self.add_writer(sock, ready)
        await future

    async def accept(self, listener):
        await self.readable(listener)
        sock, _ = listener.accept()
        sock.setblocking(False)
        return sock

    async def recv(self, sock, size):
        await self.readable(sock)
        return sock.recv(size)

    async def sendall(self, sock, data):
        while data:
            try:
                data = data[sock.send(data) :]
            except BlockingIOError:
                await self.writable(sock)
