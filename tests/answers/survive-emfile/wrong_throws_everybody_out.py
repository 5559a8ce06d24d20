# comes to rest: alice, who is served, still is
from labkit import Listener


class Guarded(Listener):
    def handle_read(self):
        try:
            super().handle_read()
        except OSError:
            for channel in list(self.loop.channels):
                if channel is not self:
                    channel.abort()
            self.socket.accept()[0].close()
