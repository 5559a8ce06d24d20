# a slow reader: runs in a circle
import asyncore


class Shout(asyncore.dispatcher):
    def handle_read(self):
        waiting = self.recv(4096).upper()
        while waiting:
            waiting = waiting[self.send(waiting) :]

    def writable(self):
        return False
