# bounded: It still asks
from labkit import Channel


class Patient(Channel):
    def handle_read(self):
        data = self.recv(4096)
        if len(self.write_buffer) <= 16384:
            self.write(data)
