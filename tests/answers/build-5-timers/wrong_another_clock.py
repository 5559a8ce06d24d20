# the small print: before time.monotonic() says
import heapq
import itertools
import time


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
        return self.call_at(time.time() + seconds, callback)

    def run_once(self):
        timeout = max(0, self.timers[0][0] - time.time()) if self.timers else None
        for key, events in self.selector.select(timeout):
            self.handle(key, events)
        now, due = time.time(), []
        while self.timers and self.timers[0][0] <= now:
            due.append(heapq.heappop(self.timers)[2])
        for timer in due:
            if timer.callback:
                self.call(timer)

    def call(self, timer):
        timer.callback()
