"""The layer check: includes and CMake dependencies against the table."""

from house import TABLE, HouseTest


class Layers(HouseTest):
    def test_what_the_table_allows_passes(self):
        self.accepts("layers", {
            "src/groups/CMakeLists.txt": "godwit_module(NAME groups DEPENDS base model TEST_DEPENDS runtime_sim)\n",
            "src/groups/group.h": '#include "base/bytes.h"\n#include "model/topic.h"\n',
            "src/groups/group_test.cpp": '#include "groups/group.h"\n#include "runtime/sim/world.h"\n',
            "src/app/main.cpp": '#include "runtime/real/loop.h"\n#include <grpc/grpc.h>\n',
            "tests/e2e/client.cpp": '#include "net/server.h"\n',
        })

    def test_an_include_of_a_library_that_is_not_named(self):
        self.refuses("layers", {"src/groups/group.h": '#pragma once\n\n#include "net/server.h"\n'},
                     "src/groups/group.h:3 groups may not include net")

    def test_an_include_upwards(self):
        self.refuses("layers", {"src/model/topic.cpp": '#include "groups/group.h"\n', "src/groups/group.h": ""},
                     "src/model/topic.cpp:1 model may not include groups")

    def test_an_implementation_behind_its_interface(self):
        self.refuses("layers", {"src/net/a.cpp": '#include "runtime/clock.h"\n#include "runtime/real/loop.h"\n'},
                     "src/net/a.cpp:2 net may not include runtime_real")

    def test_the_simulation_outside_tests(self):
        self.refuses("layers", {"src/groups/group.cpp": '#include "runtime/sim/world.h"\n'},
                     "src/groups/group.cpp:1 groups may not include runtime_sim")

    def test_a_test_may_not_use_the_real_runtime(self):
        self.refuses("layers", {"src/groups/a_test.cpp": '#include "runtime/real/loop.h"\n'},
                     "src/groups/a_test.cpp:1 groups may not include runtime_real")

    def test_a_file_that_no_line_holds(self):
        self.refuses("layers", {"src/utils/misc.h": "#pragma once\n"}, "src/utils/misc.h:1 no line of the table")

    def test_a_heavy_header_outside_its_folder(self):
        self.refuses("layers", {"src/net/a.cpp": "#include <vector>\n#include <boost/asio/io_context.hpp>\n"},
                     "src/net/a.cpp:2 src/runtime/real/*")

    def test_a_header_that_may_stand_nowhere(self):
        table = TABLE + "| `boost/` | nowhere else |\n"
        self.refuses("layers", {"src/app/a.cpp": "#include <boost/format.hpp>\n"}, "src/app/a.cpp:1 nowhere", table=table)

    def test_a_heavy_header_in_a_header(self):
        self.refuses("layers", {"src/app/a.h": "#include <grpc/grpc.h>\n"}, "src/app/a.h:1 src/app/*.cpp only")

    def test_a_quoted_include_that_does_not_exist(self):
        self.refuses("layers", {"src/net/a.cpp": '#include "nowhere/a.h"\n'}, "src/net/a.cpp:1 is not found")

    def test_cmake_names_what_the_table_forbids(self):
        self.refuses("layers", {"src/groups/CMakeLists.txt": "# why\ngodwit_module(NAME groups DEPENDS base net)\n"},
                     "src/groups/CMakeLists.txt:2 groups DEPENDS on net, but no file",
                     "src/groups/CMakeLists.txt:2 groups may not depend on net")

    def test_an_include_that_cmake_does_not_name(self):
        self.refuses("layers", {"src/groups/CMakeLists.txt": "godwit_module(NAME groups DEPENDS base)\n",
                                "src/groups/a.cpp": '\n#include "model/topic.h"\n'},
                     "src/groups/a.cpp:2 does not name it under DEPENDS")

    def test_a_dependency_that_nothing_includes(self):
        self.refuses("layers", {"src/groups/CMakeLists.txt": "godwit_module(NAME groups DEPENDS base model)\n"},
                     "src/groups/CMakeLists.txt:1 no file of it includes it")

    def test_linking_past_the_module_function(self):
        self.refuses("layers", {"src/groups/CMakeLists.txt": "\ntarget_link_libraries(x godwit_net)\n"},
                     "src/groups/CMakeLists.txt:2 may not link net")

    def test_a_module_without_a_line(self):
        self.refuses("layers", {"src/net/CMakeLists.txt": "godwit_module(NAME networking)\n"},
                     "src/net/CMakeLists.txt:1 networking has no line")

    def test_a_table_that_lets_a_row_see_itself_or_above(self):
        self.refuses("layers", {}, "docs/architecture.md:7 model (row 1) may not be let include net (row 2)",
                     table=TABLE.replace("| `src/model/` | pure | asan | – |", "| `src/model/` | pure | asan | net |"))
        self.refuses("layers", {}, "docs/architecture.md:7 model (row 1) may not be let include runtime (row 1)",
                     table=TABLE.replace("| `src/model/` | pure | asan | – |", "| `src/model/` | pure | asan | runtime |"))

    def test_a_table_with_an_unknown_name_or_kind(self):
        self.refuses("layers", {}, "docs/architecture.md:12 'modle' is no library", table=TABLE.replace("| model |", "| modle |"))
        self.refuses("layers", {}, "docs/architecture.md:12 'clean' is no kind",
                     table=TABLE.replace("| `src/groups/` | pure |", "| `src/groups/` | clean |"))

    def test_no_table_at_all(self):
        root = self.tree({}, table="nothing\n")
        done = self.check("layers", root)
        self.assertEqual(done.returncode, 1)
        self.assertIn("docs/architecture.md:1: layers: has no table", done.stdout)
