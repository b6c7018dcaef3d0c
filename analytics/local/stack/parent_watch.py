"""Runs a program that ends when its starter does, even when the starter is killed with -9.

Run as a script by `child.py`; standard library only, so that it starts in milliseconds:

    python -I -S parent_watch.py PARENT_PID SIGNAL USER MODE program argument…

USER is an account to change to first, or `-`. MODE is `kernel` (Linux: the kernel sends SIGNAL when the
parent goes, and this process becomes the program) or `pipe` (elsewhere: this process stays between the two,
and the end of its standard input, which the parent holds, is the parent's end).
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from types import FrameType

PR_SET_PDEATHSIG = 1


def become_user(name: str) -> None:
    """Changes to the account `name` for good: groups first, since only root may change them."""
    import pwd  # not on every platform, and needed for root alone

    account = pwd.getpwnam(name)
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


def follow_by_kernel(parent: int, death_signal: int, program: list[str]) -> None:
    """Asks the kernel for `death_signal` at the parent's end, then becomes `program`. Does not return."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, death_signal) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # it went before the kernel was asked
        sys.exit(1)
    os.execvp(program[0], program)  # noqa: S606 - replacing this process is what the script is for


def follow_by_pipe(death_signal: int, program: list[str]) -> int:
    """Runs `program`, passes signals on, and ends it when standard input ends. Returns its exit code."""
    child = subprocess.Popen(  # noqa: S603 - the caller's own program
        program,
        stdin=subprocess.DEVNULL,
        close_fds=False,  # those that the caller meant to be inherited are the only inheritable ones
    )

    def pass_on(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, pass_on)

    def watch() -> None:
        while os.read(0, 1024):
            pass
        child.send_signal(death_signal)

    threading.Thread(target=watch, daemon=True).start()
    code = child.wait()
    if code < 0:  # end the same way, so that the parent learns how the program ended
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def main(arguments: list[str]) -> int:
    """Entry of the script; returns the exit code of the program in `pipe` mode."""
    parent, death_signal, user, mode, *program = arguments
    if user != "-":
        become_user(user)
    if mode == "kernel":
        follow_by_kernel(int(parent), int(death_signal), program)
    return follow_by_pipe(int(death_signal), program)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
