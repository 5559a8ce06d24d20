# half a line: sleeps in clock_nanosleep
import time

from labkit import Channel


class Lines(Channel):
    def handle_read(self):
        while b"\n" not in self.read_buffer:
            self.read_buffer += self.recv(100)
            time.sleep(0.01)
        self.write(self.read_buffer.upper())
        self.read_buffer.clear()
