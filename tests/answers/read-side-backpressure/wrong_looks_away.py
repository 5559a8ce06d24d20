# bounded: is ready to read, and nothing is done about it
from labkit import Channel


class Patient(Channel):
    def handle_read(self):
        if len(self.write_buffer) <= 16384:
            self.write(self.recv(4096))
