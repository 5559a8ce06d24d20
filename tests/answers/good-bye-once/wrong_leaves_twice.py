# she ends: 2 left
import asyncore


class Member(asyncore.dispatcher_with_send):
    def __init__(self, sock, room):
        super().__init__(sock)
        self.room = room
        room.enter(self)

    def handle_read(self):
        data = self.recv(1024)
        if data:
            self.room.heard(self, data)
        else:
            self.handle_close()

    def handle_close(self):
        self.room.leave(self)
        self.close()
