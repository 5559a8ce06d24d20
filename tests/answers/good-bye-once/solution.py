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

    def handle_close(self):
        if self.room is not None:
            room, self.room = self.room, None
            room.leave(self)
            self.close()
