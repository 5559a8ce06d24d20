# in order: finished b: now <b> can be sent. It returned <a><b>
class InOrder:
    def __init__(self):
        self.line, self.replies = [], {}

    def asked(self, key):
        self.line.append(key)

    def finished(self, key, reply):
        self.replies[key] = reply
        ready = []
        for key in self.line:
            if key not in self.replies:
                break
            ready.append(self.replies[key])
        return ready
