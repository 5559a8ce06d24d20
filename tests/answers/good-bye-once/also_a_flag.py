import asyncore


class Member(asyncore.dispatcher_with_send):
    inside = True

    def __init__(self, sock, room):
        super().__init__(sock)
        self.room = room
        room.enter(self)

    def handle_read(self):
        if data := self.recv(1024):
            self.room.heard(self, data)

    def handle_error(self):
        self.handle_close()

    def handle_close(self):
        self.close()
        if self.inside:
            self.inside = False
            self.room.leave(self)
