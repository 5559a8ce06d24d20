# bounded: The write buffer holds no more than
from labkit import Channel


class Patient(Channel):
    def handle_read(self):
        self.write(self.recv(4096))
