# bounded: has closed her connection
from labkit import Channel


class Patient(Channel):
    def handle_read(self):
        self.write(self.recv(4096))
        if len(self.write_buffer) > 16384:
            self.abort()
