"""Runs a program that ends when its starter ends, even when the starter is killed with -9.

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
PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP = 28, 1 << 2
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
CAPABILITY_VERSION = 0x20080522


def become_user(name: str) -> None:
    """Changes from root to the account `name` for good; on Linux it still enters private directories, as root does.

    So the account can reach a program and a directory of its own below /root, and nothing is copied or opened for it.
    """
    import pwd  # not on every platform, and needed for root alone

    account = pwd.getpwnam(name)
    keeps = sys.platform == "linux" and _prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
    os.setgroups([])  # first: only root may change them
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    if keeps:
        _keep_right_to_enter()


def _keep_right_to_enter() -> None:
    """Gives up all rights of root but one, which programs started from here have as well.

    That is the right to read and search every directory or, in containers that have taken it away, the one that includes it.
    """
    libc = ctypes.CDLL(None)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
        sets = (ctypes.c_uint32 * 6)(*[1 << capability] * 3)  # effective, permitted, inheritable
        if libc.capset(header, sets) == 0:
            _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)
            return
    libc.capset(header, (ctypes.c_uint32 * 6)())


def _prctl(option: int, *arguments: int) -> bool:
    padded = (*arguments, 0, 0, 0, 0)[:4]
    return bool(ctypes.CDLL(None).prctl(option, *map(ctypes.c_ulong, padded)) == 0)


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

    def forward(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, forward)

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
