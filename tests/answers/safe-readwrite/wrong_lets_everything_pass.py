# errors: ConnectionResetError: read close
import select

GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


def readwrite(obj, flags):
    if flags & select.POLLIN:
        obj.handle_read_event()
    if flags & select.POLLPRI:
        obj.handle_expt_event()
    if flags & select.POLLOUT:
        obj.handle_write_event()
    if flags & GONE and not flags & select.POLLIN:
        obj.handle_close()
