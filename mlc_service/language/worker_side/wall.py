"""The wall around a script worker: files by Landlock, everything else that leaves the process by seccomp.

Why not sandlock, which holds models: it needs Landlock ABI 6 (Linux 6.7) and a supervising process per worker, and
lets its child start processes. A script worker needs less, so the kernel holds it without help from Linux 5.13 on:
after `close` there are no sockets, no new processes, no changes to files, no signals to others, and no reading beyond
the named paths, also not for native code. None of it can be undone in the process.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import struct
import sys
from collections.abc import Iterable

# name:number on x86_64:number on aarch64 (Linux asm/unistd_64.h and asm-generic/unistd.h)
_REFUSED = """
    # the network; a pair of sockets leads nowhere, and Java's files need one to close
    socket:41:198 connect:42:203 bind:49:200 listen:50:201 accept:43:202 accept4:288:242
    sendto:44:206 sendmsg:46:211 sendmmsg:307:269 recvfrom:45:207 recvmsg:47:212 recvmmsg:299:243
    # other processes
    fork:57: vfork:58: execveat:322:281 kill:62:129 tkill:200:130 rt_sigqueueinfo:129:138 rt_tgsigqueueinfo:297:240
    pidfd_open:434:434 pidfd_send_signal:424:424 pidfd_getfd:438:438 ptrace:101:117 process_vm_readv:310:270
    process_vm_writev:311:271 process_madvise:440:440 kcmp:312:272
    # this process's limits, rights and walls
    setrlimit:160:164 setpriority:141:140 ioprio_set:251:30 setuid:105:146 setgid:106:144 setreuid:113:145
    setregid:114:143 setresuid:117:147 setresgid:119:149 setgroups:116:159 setfsuid:122:151 setfsgid:123:152
    capset:126:91 seccomp:317:277 landlock_create_ruleset:444:444 personality:135:92 unshare:272:97 setns:308:268
    # the machine
    mount:165:40 umount2:166:39 move_mount:429:429 open_tree:428:428 fsopen:430:430 fsmount:432:432 fsconfig:431:431
    fspick:433:433 mount_setattr:442:442 pivot_root:155:41 chroot:161:51 acct:163:89 quotactl:179:60
    settimeofday:164:170 clock_settime:227:112 adjtimex:159:171 clock_adjtime:305:266 sethostname:170:161
    setdomainname:171:162 init_module:175:105 finit_module:313:273 delete_module:176:106 kexec_load:246:104
    kexec_file_load:320:294 reboot:169:142 swapon:167:224 swapoff:168:225 syslog:103:116 bpf:321:280
    perf_event_open:298:241
    # memory and messages shared with others, and calls that go around a filter
    userfaultfd:323:282 io_uring_setup:425:425 io_uring_enter:426:426 io_uring_register:427:427 io_setup:206:0
    keyctl:250:219 add_key:248:217 request_key:249:218 memfd_create:319:279 memfd_secret:447:447 shmget:29:194
    shmat:30:196 msgget:68:186 semget:64:190 mq_open:240:180 open_by_handle_at:304:265 name_to_handle_at:303:264
    fanotify_init:300:262 inotify_init:253: inotify_init1:294:26
    # changes to files
    creat:85: truncate:76:45 ftruncate:77:46 fallocate:285:47 unlink:87: unlinkat:263:35 rename:82: renameat:264:38
    renameat2:316:276 mkdir:83: mkdirat:258:34 rmdir:84: mknod:133: mknodat:259:33 link:86: linkat:265:37
    symlink:88: symlinkat:266:36 chmod:90: fchmod:91:52 fchmodat:268:53 fchmodat2:452:452 chown:92: lchown:94:
    fchown:93:55 fchownat:260:54 utime:132: utimes:235: futimesat:261: utimensat:280:88 setxattr:188:5
    lsetxattr:189:6 fsetxattr:190:7 removexattr:197:14 lremovexattr:198:15 fremovexattr:199:16
"""
_ARGUMENTS = {  # system calls that are refused by their arguments
    "x86_64": {
        "clone": 56,
        "clone3": 435,
        "open": 2,
        "openat": 257,
        "openat2": 437,
        "execve": 59,
        "tgkill": 234,
        "prlimit64": 302,
    },
    "aarch64": {
        "clone": 220,
        "clone3": 435,
        "openat": 56,
        "openat2": 437,
        "execve": 221,
        "tgkill": 131,
        "prlimit64": 261,
    },
}
_AUDIT_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_COLUMN = {"x86_64": 1, "aarch64": 2}
_X32_BIT = 0x40000000

_LOAD, _EQUALS, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_CLONE_THREAD = 0x10000
_OPEN_FOR_CHANGE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | 0x400000  # O_TMPFILE's own bit

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 22, 24, 38
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_EXECUTE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 2, 1 << 3
_FILE_RIGHTS_SINCE = ((1, 13), (2, 14), (3, 15), (5, 16))  # Landlock ABI, how many of the access bits it knows


class WallRefused(OSError):
    """The kernel did not put up a part of the wall."""


_libc = ctypes.CDLL(None, use_errno=True)


def landlock_abi() -> int:
    """The version of Landlock that this kernel offers, 0 for none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1))))


def knows_this_machine() -> bool:
    """Whether the numbers of its system calls are known here."""
    return sys.platform.startswith("linux") and platform.machine() in _ARGUMENTS


def close_files(readable: Iterable[str], listable: Iterable[str] = ()) -> None:
    """This process and its children can open nothing outside `readable`; `listable` folders show their names only.

    A path that does not exist is passed over. Raises WallRefused.
    """
    _no_new_privileges()
    abi = landlock_abi()
    if abi < 1:
        raise WallRefused(errno.ENOSYS, "this kernel has no Landlock")
    known = max(bits for since, bits in _FILE_RIGHTS_SINCE if since <= abi)
    network = 3 if abi >= 4 else 0
    scopes = 3 if abi >= 6 else 0
    attributes = struct.pack("=QQQ", (1 << known) - 1, network, scopes)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    rules = _checked(_libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(size), ctypes.c_uint32(0)))
    try:
        for path in readable:
            _allow(rules, path, _EXECUTE | _READ_FILE | _READ_FOLDER)
        for path in listable:
            _allow(rules, path, _READ_FOLDER)
        _checked(_libc.syscall(_RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint32(0)))
    finally:
        os.close(rules)


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not os.path.isdir(path):
            rights &= ~_READ_FOLDER
        rule = struct.pack("=Qi", rights, place)
        _checked(_libc.syscall(_ADD_RULE, ctypes.c_int(rules), ctypes.c_int(1), rule, ctypes.c_uint32(0)))
    finally:
        os.close(place)


def drop_rights() -> None:
    """This process has no capability left, also as root, and gets none by starting a program."""
    _no_new_privileges()
    for capability in range(64):
        _libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0)  # refused where there is none to drop
    header = struct.pack("=Ii", 0x20080522, 0)
    _checked(_libc.capset(header, bytes(24)))


def limit(which: int, wanted: int) -> None:
    """The limit holds, softly and hard, unless a lower one already did."""
    hard = resource.getrlimit(which)[1]
    lower = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(which, (lower, lower))


def die_with_parent() -> None:
    """The kernel ends this process when the thread that forked it ends."""
    if sys.platform.startswith("linux"):
        _libc.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(9), 0, 0, 0)


def close_calls(program: str | None = None) -> ctypes.Array[ctypes.c_char] | None:
    """No call leaves this process any more; refused ones fail with a permission error.

    With `program`, that one program can still be started in this process's place: by `become` with the answer, since
    the filter knows the place of its name in memory.
    """
    _no_new_privileges()
    name = None if program is None else ctypes.create_string_buffer(os.fsencode(program))
    code = _filter(None if name is None else ctypes.addressof(name))
    held = ctypes.create_string_buffer(code, len(code))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))

    filled = Program(len(code) // 8, ctypes.addressof(held))
    _checked(_libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(2), ctypes.byref(filled), 0, 0))
    return name


def become(program: ctypes.Array[ctypes.c_char], arguments: list[str], environ: dict[str, str]) -> None:
    """This process is that program; returns only by raising OSError."""
    argv = (ctypes.c_char_p * (len(arguments) + 1))(*(os.fsencode(each) for each in arguments), None)
    envp = (ctypes.c_char_p * (len(environ) + 1))(*(os.fsencode(f"{k}={v}") for k, v in environ.items()), None)
    _checked(_libc.execve(program, argv, envp))


def _filter(program_address: int | None) -> bytes:
    """The filter in the kernel's packet-filter code (linux/seccomp.h)."""
    machine = platform.machine()
    number = _ARGUMENTS[machine]
    code = [(_LOAD, 0, 0, _ARCHITECTURE), (_EQUALS, 1, 0, _AUDIT_ARCHITECTURES[machine]), (_RETURN, 0, 0, _KILL)]
    code.append((_LOAD, 0, 0, _NUMBER))
    if machine == "x86_64":
        code += [(_AT_LEAST, 0, 1, _X32_BIT), (_RETURN, 0, 0, _KILL)]

    def rule(name: str, block: list[tuple[int, int, int, int]]) -> None:
        if name in number:
            code.extend([(_EQUALS, 0, len(block), number[name]), *block])

    # glibc and the JVM fall back to clone and openat, whose arguments a filter can see
    for newer in ("clone3", "openat2"):
        rule(newer, [(_RETURN, 0, 0, _ERROR | errno.ENOSYS)])
    rule("clone", [_low(0), (_ANY_BIT, 1, 0, _CLONE_THREAD), _no(errno.EPERM), _yes()])
    rule("open", [_low(1), (_ANY_BIT, 0, 1, _OPEN_FOR_CHANGE), _no(errno.EACCES), _yes()])
    rule("openat", [_low(2), (_ANY_BIT, 0, 1, _OPEN_FOR_CHANGE), _no(errno.EACCES), _yes()])
    rule("tgkill", [_low(0), (_EQUALS, 1, 0, os.getpid()), _no(errno.EPERM), _yes()])
    rule("prlimit64", [*_unless_equal(2, 0, errno.EPERM), _yes()])
    if program_address is None:
        rule("execve", [_no(errno.EPERM)])
    else:
        rule("execve", [*_unless_equal(0, program_address, errno.EPERM), _yes()])
    refused = _refused_numbers(machine)
    for place, each in enumerate(refused):
        code.append((_EQUALS, len(refused) - place, 0, each))
    code += [_yes(), _no(errno.EPERM)]
    return b"".join(struct.pack("=HBBI", *each) for each in code)


def _refused_numbers(machine: str) -> list[int]:
    lines = (line for line in _REFUSED.splitlines() if not line.lstrip().startswith("#"))
    calls = [call.split(":") for line in lines for call in line.split()]
    return [int(call[_COLUMN[machine]]) for call in calls if call[_COLUMN[machine]]]


def _unless_equal(argument: int, value: int, error: int) -> list[tuple[int, int, int, int]]:
    return [
        _low(argument), (_EQUALS, 1, 0, value & 0xFFFFFFFF), _no(error),
        (_LOAD, 0, 0, _FIRST_ARGUMENT + 8 * argument + 4), (_EQUALS, 1, 0, value >> 32), _no(error),
    ]  # fmt: skip


def _low(argument: int) -> tuple[int, int, int, int]:
    return (_LOAD, 0, 0, _FIRST_ARGUMENT + 8 * argument)


def _yes() -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, _ALLOW)


def _no(error: int) -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, _ERROR | error)


def _no_new_privileges() -> None:
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), 0, 0, 0))


def _checked(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise WallRefused(number, os.strerror(number))
    return int(answer)
