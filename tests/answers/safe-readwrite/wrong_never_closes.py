# hang-ups: HUP calls close
import asyncore
import select


def readwrite(obj, flags):
    try:
        if flags & select.POLLIN:
            obj.handle_read_event()
        if flags & select.POLLPRI:
            obj.handle_expt_event()
        if flags & select.POLLOUT:
            obj.handle_write_event()
    except (asyncore.ExitNow, KeyboardInterrupt, SystemExit):
        raise
    except OSError:
        obj.handle_close()
    except Exception:
        obj.handle_error()
