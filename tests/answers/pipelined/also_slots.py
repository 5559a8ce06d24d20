class InOrder:
    def __init__(self):
        self.slots = []

    def asked(self, key):
        self.slots.append([key, None])

    def finished(self, key, reply):
        next(slot for slot in self.slots if slot[0] == key)[1] = reply
        out = []
        while self.slots and self.slots[0][1] is not None:
            out.append(self.slots.pop(0)[1])
        return out
