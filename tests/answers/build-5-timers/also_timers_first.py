import bisect
import time


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
