"""The purity check: every kind of refusal, and what only looks like one."""

from house import HouseTest

# What a pure library refuses, a line each.
REFUSED_IN_PURE = [
    "#include <thread>", "#include <mutex>", "#include <fstream>", "#include <condition_variable>",
    "#include <filesystem>", "#include <unistd.h>", "#include <fcntl.h>", "#include <sys/socket.h>",
    "#include <netinet/in.h>", "#include <iostream>", "#include <csignal>", "#include <sys/random.h>",
    "auto t = std::chrono::steady_clock::now();", "auto t = std::chrono::system_clock::now();",
    "auto t = time(nullptr);", "auto t = std::time(0);", "clock_gettime(CLOCK_MONOTONIC, &at);",
    "int r = rand();", "int r = std::rand();", "std::random_device seed;", "getrandom(at, 8, 0);",
    "const char* home = getenv(\"HOME\");", "printf(\"x\");", "std::fprintf(stderr, \"x\");", "std::cout << 1;",
    "fmt::print(\"x\");", "FILE* f = fopen(\"x\", \"r\");", "int fd = ::open(\"x\", 0);", "::connect(fd, a, 1);",
    "std::thread worker;", "std::jthread worker;", "auto f = std::async(run);", "std::scoped_lock hold(m);",
    "::fork();", "#include <sys/mman.h>", "at = ::mmap(nullptr, n, p, f, -1, 0);",
]
# What a plain library may do and a pure one may not.
FINE_IN_PLAIN = {"#include <mutex>", "#include <condition_variable>", "#include <iostream>", "printf(\"x\");",
                 "std::fprintf(stderr, \"x\");", "std::cout << 1;", "fmt::print(\"x\");", "std::scoped_lock hold(m);",
                 "#include <sys/mman.h>", "at = ::mmap(nullptr, n, p, f, -1, 0);"}
# What reads alike and is harmless.
HARMLESS = """#include <chrono>
#include <random>
// std::thread, rand() and getenv("X") in a comment
/* std::cout
   printf("x") */
const char* text = "std::random_device time(nullptr)";
const char* raw = R"x(printf("y"))x";
int64_t at = record.time();
void connect(int a);
Result<File> open(Path p);
void run() { file->open(p); connection.connect(1); client.send(x); operand(1); snprintf(b, 2, "x"); }
std::chrono::milliseconds time(int x);
char quote = '"'; int big = 1'000'000;
std::mt19937_64 seeded(seed);
"""


class Purity(HouseTest):
    def test_each_way_out_is_refused_in_a_pure_library(self):
        for line in REFUSED_IN_PURE:
            with self.subTest(line):
                self.refused("src/groups/a.cpp", line)

    def test_a_plain_library_may_lock_and_print_but_not_go_out(self):
        for line in REFUSED_IN_PURE:
            with self.subTest(line):
                if line in FINE_IN_PLAIN:
                    self.accepts("purity", {"src/net/a.cpp": line + "\n"})
                else:
                    self.refused("src/net/a.cpp", line)

    def test_only_the_edge_reads_the_environment(self):
        self.accepts("purity", {"src/app/a.cpp": 'auto x = std::getenv("X");\n'})
        self.refused("src/net/a.cpp", 'auto x = std::getenv("X");')

    def test_the_door_may_do_everything(self):
        self.accepts("purity", {"src/runtime/real/a.cpp": "\n".join(REFUSED_IN_PURE)})

    def test_tests_and_benches_are_not_pure(self):
        self.accepts("purity", {"src/groups/a_test.cpp": "#include <iostream>\n",
                                "src/groups/a_bench.cpp": "#include <thread>\n"})

    def test_comments_literals_and_members_are_no_calls(self):
        self.accepts("purity", {"src/groups/a.cpp": HARMLESS})

    def refused(self, path, line):
        done = self.check("purity", self.tree({path: f"// a comment\n{line}\n"}))
        self.assertIn(f"{path}:2: purity: ", done.stdout, done.stderr)
        self.assertEqual(done.returncode, 1)
