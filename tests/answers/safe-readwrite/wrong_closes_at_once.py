# hang-ups: IN+HUP calls read
import asyncore
import select

GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


def readwrite(obj, flags):
    try:
        if flags & select.POLLIN:
            obj.handle_read_event()
        if flags & select.POLLPRI:
            obj.handle_expt_event()
        if flags & select.POLLOUT:
            obj.handle_write_event()
        if flags & GONE:
            obj.handle_close()
    except (asyncore.ExitNow, KeyboardInterrupt, SystemExit):
        raise
    except OSError:
        obj.handle_close()
    except Exception:
        obj.handle_error()
