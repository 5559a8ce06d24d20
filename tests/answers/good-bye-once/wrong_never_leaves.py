# she ends: alice ends: 1 in, 2 entered, 1 left, 0 empty. The room says: 2 in
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
