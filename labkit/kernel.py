"""What the kernel says of an fd or a thread, and nothing that it does not say.

Every function asks the running kernel at the moment of the call. Where this kernel has no answer the
function returns None; it never guesses. It knows nothing of loops, tapes or figures.
"""

from __future__ import annotations

import array
import contextlib
import errno
import fcntl
import os
import platform
import resource
import select
import socket
import sys
import termios
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

LINUX = sys.platform == "linux"
Reader = Callable[[int], int | None]

SIOCOUTQ = 0x5411  # linux/sockios.h: bytes in the send queue
SIOCOUTQNSD = 0x894B  # linux/sockios.h: bytes in the send queue that were not sent yet
SO_NWRITE = 0x1024  # macOS sys/socket.h; from the documents, not run
TRIED_AT_MOST = 65_536  # fd numbers
FLAG_NAMES = ("O_NONBLOCK", "O_APPEND", "O_ASYNC", "O_DIRECT", "O_SYNC")


def recv_queue(fd: int) -> int | None:
    """Bytes that wait in the receive queue of `fd` (FIONREAD; tcp(7), unix(7), pipe(7)).

    A listener, and a closed fd, have none: None. Of UDP it is the first datagram only.
    """
    return queue_readers()[0](fd)


def send_queue(fd: int) -> int | None:
    """Bytes in the send queue of `fd` that the kernel has not sent yet (SIOCOUTQNSD; tcp(7)).

    Bytes that were sent but not acknowledged are left out: they stand in the receiver's queue already.
    None for anything but TCP. On macOS SO_NWRITE answers, which counts unacknowledged bytes too.
    """
    return queue_readers()[1](fd)


def fin_waits(sock: socket.socket) -> bool:
    """Whether a FIN of this end stands in its send queue or is not acknowledged: it was told to send no more.

    Behind bytes that are not sent yet it takes a number of its own, as if it were one more of them (RFC 9293
    3.4). Rests on the state in TCP_INFO; False where the kernel does not say.
    """
    return tcp_state(sock) in (4, 9, 11)  # TCP_FIN_WAIT1, TCP_LAST_ACK, TCP_CLOSING: linux/tcp_states.h


def tcp_state(sock: socket.socket) -> int:
    """The state of a TCP socket as a number of linux/tcp_states.h; 0 where the kernel does not say."""
    try:
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] if LINUX else 0
    except OSError:
        return 0


def transferred(sock: socket.socket) -> tuple[int, int] | None:
    """(bytes that were taken out of, bytes that were put into) the queues of a connected TCP socket so far.

    By any program and any call, whoever counts. Rests on tcpi_bytes_received and tcpi_bytes_acked of TCP_INFO
    (tcp(7)), less what still waits. None where that is not known: elsewhere than on Linux, for an end that
    was reset or closed, and for one that connected itself, whose SYN is counted too.
    """
    before, fd, answer = b"", sock.fileno(), array.array("i", [0])
    try:
        while (info := sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 136) if LINUX else b"") and (
            info[120:] != before[120:]  # until nothing has arrived while the queues were asked
        ):
            before, waiting = info, recv_queue(fd)
            fcntl.ioctl(fd, SIOCOUTQ, answer)
    except (OSError, ValueError):
        return None
    state = info[0] if info else 0
    if len(info) < 136 or waiting is None or state not in (1, 4, 5, 8, 9, 11):
        return None
    acked, received = memoryview(info[120:136]).cast("Q")
    got_fin = state in (8, 9, 11)  # CLOSE_WAIT, LAST_ACK, CLOSING
    sent_fin = state in (4, 5, 9, 11)  # FIN_WAIT1, FIN_WAIT2, LAST_ACK, CLOSING
    return received - got_fin - waiting, acked + answer[0] - sent_fin


def unacknowledged(fd: int) -> int | None:
    """Bytes that were sent from `fd` and not acknowledged yet (SIOCOUTQ − SIOCOUTQNSD; tcp(7)).

    Most of them stand in the receiver's queue; those that found no room there are sent again later. None
    for anything but TCP on Linux.
    """
    answer = array.array("i", [0])
    unsent = send_queue(fd)
    try:
        fcntl.ioctl(fd, SIOCOUTQ, answer)
    except (OSError, ValueError):
        return None
    return answer[0] - unsent if LINUX and unsent is not None else None


def queue_readers() -> tuple[Reader, Reader]:
    """The functions recv_queue and send_queue with a buffer of their own: take a pair for each thread."""
    answer = array.array("i", [0])
    ioctl = fcntl.ioctl

    def ioctl_reader(request: int) -> Reader:
        def read(fd: int) -> int | None:
            try:
                ioctl(fd, request, answer)
            except (OSError, ValueError):
                return None
            return answer[0]

        return read

    def option_reader(option: int) -> Reader:
        def read(fd: int) -> int | None:
            try:
                with socket.socket(fileno=os.dup(fd)) as copy:
                    return copy.getsockopt(socket.SOL_SOCKET, option)
            except OSError:
                return None

        return read

    if LINUX:
        return ioctl_reader(termios.FIONREAD), ioctl_reader(SIOCOUTQNSD)
    return ioctl_reader(termios.FIONREAD), option_reader(SO_NWRITE)


def peek(fd: int, size: int) -> bytes | None:
    """Up to `size` bytes from the front of a socket's receive queue, which stay there (recv(2), MSG_PEEK).

    None if there are none, or if `fd` is no socket.
    """
    try:
        with borrowed(fd) as sock:
            return sock.recv(size, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except OSError:
        return None


@contextlib.contextmanager
def borrowed(fd: int) -> Iterator[socket.socket]:
    """A socket object for an fd that belongs to somebody else. OSError if it is no socket."""
    sock = socket.socket(fileno=fd)
    try:
        yield sock
    finally:
        sock.detach()


def identity(fd: int) -> tuple[int, int] | None:
    """What is behind `fd`, as (device, inode): another number as soon as the fd is reused (fstat(2))."""
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def ready(interest: Mapping[int, int]) -> dict[int, int]:
    """{fd: events} of those that a wait for `interest` would be told at once (poll(2)).

    Events are the selectors module's: 1 to read, 2 to write; 4 is exceptional. An error or a hang-up makes
    ready whatever was asked.
    """
    bits = ((1, select.POLLIN), (2, select.POLLOUT), (4, select.POLLPRI))
    poller = select.poll()
    for fd, events in interest.items():
        poller.register(fd, sum(flag for bit, flag in bits if events & bit))
    told: dict[int, int] = {}
    for fd, flags in poller.poll(0):
        if flags & (select.POLLERR | select.POLLHUP):
            flags |= select.POLLIN | select.POLLOUT
        events = sum(bit for bit, asked in bits if flags & asked) & interest[fd]
        if events:
            told[fd] = events
    return told


def capacity(sock: socket.socket) -> tuple[int, int]:
    """The bytes of memory (receive, send) that the kernel may charge to a socket (socket(7)).

    Linux doubles what SO_RCVBUF and SO_SNDBUF were set to, and charges its own bookkeeping to it as well.
    """
    return (
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF),
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF),
    )


def backlog(listener: socket.socket) -> tuple[int, int] | None:
    """(connections that wait to be accepted, the most that may wait) of a TCP listener; None elsewhere.

    Rests on tcpi_unacked and tcpi_sacked of TCP_INFO, which Linux uses so for listeners (tcp_diag).
    """
    if not LINUX:
        return None
    info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    listening = info[0] == 10  # TCP_LISTEN
    words = memoryview(info[8:104]).cast("I")
    return (words[4], words[5]) if listening else None


def waiting(fd: int) -> int | None:
    """How many connections wait to be accepted from the TCP listener `fd`; None of anything else."""
    try:
        with borrowed(fd) as sock:
            found = backlog(sock)
    except OSError:
        return None
    return None if found is None else found[0]


def flags(fd: int) -> frozenset[str]:
    """The status flags that are set on the open file description behind `fd` (fcntl(2), F_GETFL).

    Raises OSError (EBADF) for a closed fd.
    """
    value = fcntl.fcntl(fd, fcntl.F_GETFL)
    return frozenset(name for name in FLAG_NAMES if value & getattr(os, name, 0))


def interest(epoll_fd: int) -> dict[int, int] | None:
    """{fd: events} that an epoll fd holds now, read from /proc (proc(5), fdinfo); None without /proc."""
    try:
        with open(f"/proc/self/fdinfo/{epoll_fd}") as lines:
            rows = [line.split() for line in lines if line.startswith("tfd:")]
    except OSError:
        return None
    return {int(row[1]): int(row[3], 16) for row in rows}


def open_fds() -> frozenset[int]:
    """The fds that this process has open now. Without /proc each number below the limit is tried."""
    try:
        found: Iterable[int] = map(int, os.listdir("/proc/self/fd" if LINUX else "/dev/fd"))
    except OSError:
        found = range(min(fd_limit()[0], TRIED_AT_MOST))
    return frozenset(fd for fd in list(found) if is_open(fd))


def fd_room(spare: int = 32) -> int:
    """How many fds this process can still open, with some to spare (getrlimit(2), RLIMIT_NOFILE)."""
    return max(0, fd_limit()[0] - len(open_fds()) - spare)


def an_fd_is_free() -> bool:
    """Whether this process can open another fd now: one is opened and closed."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return not is_fd_shortage(error)
    return True


def is_fd_shortage(error: BaseException) -> bool:
    """Whether `error` says that there are too many open files, in this process or in all (EMFILE, ENFILE)."""
    return isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)


def is_open(fd: int) -> bool:
    """Whether `fd` is open in this process (fcntl(2), F_GETFD)."""
    try:
        fcntl.fcntl(fd, fcntl.F_GETFD)
    except OSError as error:
        return error.errno != errno.EBADF
    return True


def fd_limit() -> tuple[int, int]:
    """(soft, hard) limit on fd numbers of this process (getrlimit(2), RLIMIT_NOFILE)."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)


@contextlib.contextmanager
def naming_the_fd_limit() -> Iterator[None]:
    """Where fds are made: if there are too many, the OSError says how many may be, and what raises that."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.EMFILE:
            raise
        raise fd_limit_named(error) from None


def fd_limit_named(error: BaseException) -> BaseException:
    """`error`; if it is that there are too many fds, one that says how many may be, and what raises that."""
    if not isinstance(error, OSError) or error.errno != errno.EMFILE:
        return error
    soft, hard = fd_limit()
    return OSError(
        errno.EMFILE,
        f"this process has all {soft:,} fds open that it may have (ulimit -n). Close labs that you do "
        f"not need, or start it from a shell after `ulimit -n {hard}`",
    )


@dataclass(frozen=True, slots=True)
class Blocked:
    """A system call that a thread sleeps in: its name, the fd it was called on, its raw arguments."""

    call: str
    fd: int | None
    args: tuple[int, ...]

    def __str__(self) -> str:
        return self.call if self.fd is None else f"{self.call} on fd {self.fd}"


def blocked_in(thread: threading.Thread | int) -> Blocked | None:
    """The system call that a thread of this process sleeps in now; None if it runs, or /proc does not tell.

    `thread` is a threading.Thread or a native thread id. Rests on /proc/self/task/TID/syscall (proc(5)).
    """
    tid = thread if isinstance(thread, int) else thread.native_id
    if tid == threading.get_native_id():
        return None
    try:
        with open(f"/proc/self/task/{tid}/syscall") as file:
            words = file.read().split()
    except OSError:
        return None
    if len(words) < 7 or words[0] == "-1":  # "running", or asleep outside a system call
        return None
    number, args = int(words[0]), tuple(int(word, 16) for word in words[1:7])
    name = SYSCALLS.get(platform.machine(), {}).get(number, f"system call {number}")
    return Blocked(name, args[0] if name in CALLED_ON_AN_FD else None, args)


CALLED_ON_AN_FD = frozenset([
    "read", "write", "connect", "accept", "accept4", "sendto", "recvfrom", "sendmsg", "recvmsg",
    "epoll_wait", "epoll_pwait", "epoll_pwait2",
])  # fmt: skip
# The calls in which a Python program sleeps, by machine (asm/unistd_64.h, asm-generic/unistd.h).
SYSCALLS: dict[str, dict[int, str]] = {
    "x86_64": {
        0: "read", 1: "write", 7: "poll", 23: "select", 35: "nanosleep", 42: "connect", 43: "accept",
        44: "sendto", 45: "recvfrom", 46: "sendmsg", 47: "recvmsg", 61: "wait4", 202: "futex",
        230: "clock_nanosleep", 232: "epoll_wait", 247: "waitid", 270: "pselect6", 271: "ppoll",
        281: "epoll_pwait", 288: "accept4", 441: "epoll_pwait2",
    },
    "aarch64": {
        22: "epoll_pwait", 63: "read", 64: "write", 72: "pselect6", 73: "ppoll", 95: "waitid",
        98: "futex", 101: "nanosleep", 115: "clock_nanosleep", 202: "accept", 203: "connect",
        206: "sendto", 207: "recvfrom", 211: "sendmsg", 212: "recvmsg", 242: "accept4", 260: "wait4",
        441: "epoll_pwait2",
    },
}  # fmt: skip
