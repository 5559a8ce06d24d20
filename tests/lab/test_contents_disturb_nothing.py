"""What a step shows of the bytes themselves changes nothing in how they move."""

from __future__ import annotations

from labkit import Channel, Lab


class Shout(Channel):
    def handle_read(self):
        self.read_buffer += self.recv(1024)
        whole, newline, self.read_buffer = self.read_buffer.rpartition(b"\n")
        self.write(whole.upper() + newline)


def test_a_full_connection_drains_without_waiting_for_a_timer_of_tcp():
    with Lab(Shout, buffers=4096) as lab:
        alice = lab.connect("alice")
        lab.step()
        for _ in range(24):
            alice.send((b"x" * 399 + b"\n") * 3)
            lab.step()
        for _ in range(100):
            if not (alice.recv(2000) or lab.step().calls):
                break
            lab.step()
        it = lab.tape[-1]
        (fd,) = it.accounts
        assert it.queues[fd].write_buffer == it.queues[fd].send_queue == it.accounts[fd].peer_unread == 0
        assert it.accounts[fd].sent == it.accounts[fd].peer_received > 20_000


def test_long_queues_show_their_first_bytes_from_what_was_handed_over():
    with Lab(Shout, buffers=4096) as lab:
        alice = lab.connect("alice")
        lab.step()
        (fd,) = [fd for fd in lab.step().names if lab.tape[-1].name(fd) == "alice"]
        sent = b"".join(b"%04d\n" % n for n in range(600))
        alice.send(sent)
        held = lab.tape.now
        assert held is not None and held.contents[fd].recv_queue == sent[:256]
        it = lab.step()
        assert it.contents[fd].recv_queue == sent[1024 : 1024 + 256]
        for _ in range(3):
            it = lab.step()
        assert it.accounts[fd].peer_unread > 1024
        assert it.contents[fd].unread == sent[:256]
