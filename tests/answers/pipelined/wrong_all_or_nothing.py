# in order: finished b: now <b> can be sent. It returned nothing
class InOrder:
    def __init__(self):
        self.line, self.replies = [], {}

    def asked(self, key):
        self.line.append(key)

    def finished(self, key, reply):
        self.replies[key] = reply
        if len(self.replies) < len(self.line):
            return []
        ready = [self.replies[key] for key in self.line]
        self.line, self.replies = [], {}
        return ready
