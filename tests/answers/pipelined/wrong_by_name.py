# out of order: asked c, asked b, asked a, finished a: now nothing
class InOrder:
    def __init__(self):
        self.line, self.replies = set(), {}

    def asked(self, key):
        self.line.add(key)

    def finished(self, key, reply):
        self.replies[key] = reply
        ready = []
        while self.line and min(self.line) in self.replies:
            key = min(self.line)
            self.line.remove(key)
            ready.append(self.replies.pop(key))
        return ready
