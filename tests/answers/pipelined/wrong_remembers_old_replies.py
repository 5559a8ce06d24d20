# again: asked a, finished a, asked a, asked b, finished b: now nothing
class InOrder:
    def __init__(self):
        self.line, self.replies = [], {}

    def asked(self, key):
        self.line.append(key)

    def finished(self, key, reply):
        self.replies[key] = reply
        ready = []
        while self.line and self.line[0] in self.replies:
            ready.append(self.replies[self.line.pop(0)])
        return ready
