# she ends: 1 empty
import asyncore


class Member(asyncore.dispatcher_with_send):
    def __init__(self, sock, room):
        super().__init__(sock)
        self.room, self.gone = room, False
        room.enter(self)

    def handle_read(self):
        self.room.heard(self, self.recv(1024))

    def handle_close(self):
        if not self.gone:
            self.gone = True
            self.room.leave(self)
            self.close()
