# comes to rest: alice, who is served, still is
from labkit import Listener


class Guarded(Listener):
    def handle_accept(self):
        try:
            super().handle_accept()
        except OSError:
            for channel in list(self.loop.channels):
                if channel is not self:
                    channel.abort()
            self.socket.accept()[0].close()

    handle_read = handle_accept
