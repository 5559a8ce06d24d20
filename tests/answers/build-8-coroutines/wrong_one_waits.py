# futures: alice gets b'got told'
class Future:
    def __init__(self):
        self.full, self.result, self.error, self.callbacks = False, None, None, []

    def set_result(self, result):
        self.fill(result, None)

    def set_exception(self, error):
        self.fill(None, error)

    def fill(self, result, error):
        self.full, self.result, self.error = True, result, error
        for callback in self.callbacks:
            callback()

    def __await__(self):
        if not self.full:
            yield self
        if self.error is not None:
            raise self.error
        return self.result


class Task(Future):
    def __init__(self, coroutine):
        super().__init__()
        self.coroutine = coroutine

    def step(self):
        try:
            future = self.coroutine.send(None)
        except StopIteration as end:
            self.set_result(end.value)
        except Exception as error:
            self.set_exception(error)
        else:
            future.callbacks = [self.step]


class Loop8(Loop7):
    def create_future(self):
        return Future()

    def create_task(self, coroutine):
        task = Task(coroutine)
        self.call_later(0, task.step)
        return task

    async def sleep(self, seconds):
        future = self.create_future()
        self.call_later(seconds, lambda: future.set_result(None))
        await future

    async def readable(self, sock):
        future = self.create_future()
        self.add_reader(sock, lambda: future.set_result(None))
        try:
            await future
        finally:
            self.remove_reader(sock)

    async def writable(self, sock):
        future = self.create_future()
        self.add_writer(sock, lambda: future.set_result(None))
        try:
            await future
        finally:
            self.remove_writer(sock)

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
