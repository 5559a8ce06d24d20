# flags: IN+OUT calls read write
import asyncore
import select

GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


def readwrite(obj, flags):
    try:
        if flags & select.POLLIN:
            obj.handle_read_event()
        elif flags & select.POLLPRI:
            obj.handle_expt_event()
        elif flags & select.POLLOUT:
            obj.handle_write_event()
        elif flags & GONE:
            obj.handle_close()
    except (asyncore.ExitNow, KeyboardInterrupt, SystemExit):
        raise
    except OSError:
        obj.handle_close()
    except Exception:
        obj.handle_error()
