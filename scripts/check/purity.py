"""Code does only what its library's kind allows (docs/architecture.md)."""

import re

from architecture import Architecture
from tree import Finding, is_bench, is_unit_test, line_of

CHECK = "purity"


def header(names):
    return rf"#\s*include\s*<(?:{names})>"


def call(names):
    """A call of a free function: not a member, not one of another namespace."""
    return rf"(?<![\w.:>~])(?:::|std::)?(?:{names})\s*\("


def system_call(names):
    """A call that is written ::name( : our own functions bear such names too, and the headers are refused."""
    return rf"(?<![\w>])::(?:{names})\s*\("


THREADS = [
    (header("thread|future|pthread\\.h|threads\\.h"), "starts a thread"),
    (r"\bstd::(?:thread|jthread|async|this_thread)\b", "starts or names a thread"),
    (r"\bpthread_create\b", "starts a thread"),
    (r"(?<![\w>])(?:::|std::)(?:fork|vfork|posix_spawnp?|execv[pe]*|execl[pe]?|system|popen)\s*\(", "starts a process"),
]
CLOCKS = [
    (r"\b\w*[cC]lock\w*::now\b", "reads a clock"),
    (call("clock_gettime|gettimeofday|timespec_get|clock_nanosleep"), "reads a clock"),
    (r"(?<![\w.:>])(?:::|std::)?time\s*\(\s*(?:nullptr|NULL|0)\s*\)", "reads a clock"),
    (r"\bstd::(?:time|clock)\s*\(", "reads a clock"),
    (r"\b__rdtscp?\b|\b__builtin_ia32_rdtsc\b", "reads a clock"),
    (header("sys/time\\.h"), "reads a clock"),
]
RANDOMNESS = [
    (r"\brandom_device\b", "draws a random number"),
    (call("s?rand|rand_r|random|drand48|getrandom|getentropy|arc4random\\w*|RAND_bytes|RAND_priv_bytes"),
     "draws a random number"),
    (header("sys/random\\.h|openssl/rand\\.h"), "draws a random number"),
]
FILES = [
    (header("fstream|filesystem|fcntl\\.h|unistd\\.h|dirent\\.h|sys/(?:stat|file|statvfs|uio|sendfile)\\.h"),
     "reaches for files"),
    (r"\bstd::(?:[io]?fstream|filesystem)\b", "opens a file"),
    (call("fopen|freopen|fdopen|mkstemp|opendir|tmpfile"), "opens a file"),
    (system_call("open|openat|creat|rename|unlink|mkdir|rmdir|stat|fstat|pread|pwrite|fsync|fdatasync"),
     "works on files"),
]
SOCKETS = [
    (header("sys/(?:socket|un|epoll|eventfd|select)\\.h|netinet/[\\w.]+|arpa/inet\\.h|netdb\\.h|poll\\.h|net/if\\.h"),
     "reaches for sockets"),
    (system_call("socket|bind|listen|accept4?|connect|send|recv|sendmsg|recvmsg|epoll_\\w+|poll|select|getaddrinfo"),
     "works on sockets"),
]
SIGNALS = [(header("csignal|signal\\.h|sys/(?:wait|signalfd|prctl)\\.h"), "reaches for signals and processes")]
ENVIRONMENT = [(r"\b(?:secure_)?getenv\b|\benviron\b", "reads the environment")]
LOCKS = [
    (header("mutex|shared_mutex|condition_variable|semaphore|latch|barrier|stop_token"), "takes a lock"),
    (r"\bstd::(?:mutex|shared_mutex|recursive_mutex|condition_variable\w*|lock_guard|scoped_lock|unique_lock)\b",
     "takes a lock"),
]
MEMORY = [(header("sys/mman\\.h"), "asks the kernel for memory"), (system_call("mmap|madvise"), "asks the kernel for memory")]
PRINTING = [
    (header("iostream|print|syslog\\.h|spdlog/[\\w./]+"), "prints"),
    (r"\bstd::(?:cout|cerr|clog|cin)\b", "prints"),
    (call("printf|fprintf|vprintf|vfprintf|puts|fputs|putchar|perror|syslog"), "prints"),
    (r"\b(?:fmt|std)::print(?:ln)?\b", "prints"),
]

OUTSIDE = THREADS + CLOCKS + RANDOMNESS + FILES + SOCKETS + SIGNALS
REFUSED = {
    "pure": OUTSIDE + ENVIRONMENT + LOCKS + MEMORY + PRINTING,
    "plain": OUTSIDE + ENVIRONMENT,
    "edge": OUTSIDE,
    "door": [],
    "free": [],
}
COMPILED = {kind: [(re.compile(pattern), what) for pattern, what in rules] for kind, rules in REFUSED.items()}


def run(tree):
    rule = Architecture(tree)
    findings = []
    for path in tree.cpp():
        library = rule.owner(path)
        if library is None or is_unit_test(path) or is_bench(path):
            continue
        code = tree.code(path)
        for pattern, what in COMPILED.get(library.kind, []):
            for match in pattern.finditer(code):
                findings.append(Finding(path, line_of(code, match.start()), CHECK,
                                        f"{match.group(0).strip()} {what}; {library.name} is {library.kind}"))
    return findings
