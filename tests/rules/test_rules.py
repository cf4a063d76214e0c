#!/usr/bin/env python3
"""The rules see what they are there to see: each kind of breach, planted in a small project."""

import pathlib
import tempfile
import unittest

import rules


class Rules(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for room in rules.ROOMS[:-1]:
            self.plant(f"worker/{room}/clean.c", '#include "base/list.h"\n#include <string.h>\n')
        self.plant("worker/main.c", '#include "commands/commands.h"\n')

    def plant(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def breaches(self, check):
        return [f"{path.relative_to(self.root)}:{number}"
                for path, number, _ in rules.CHECKS[check](self.root)]

    def sees(self, check, name, text, line=1):
        self.plant(name, text)
        self.assertEqual(self.breaches(check), [f"{name}:{line}"])

    def passes(self, check, name, text):
        self.plant(name, text)
        self.assertEqual(self.breaches(check), [])

    def test_a_clean_project_passes(self):
        for check in ("includes", "core-calls", "lengths", "unfinished"):
            self.assertEqual(self.breaches(check), [])

    def test_no_room_includes_one_above_it(self):
        for lower, room in enumerate(rules.ROOMS[:-1]):
            for upper in rules.ROOMS[lower + 1:-1]:
                name = f"worker/{room}/breach.c"
                self.sees("includes", name, f'#include "{upper}/x.h"\n')
                (self.root / name).unlink()

    def test_half_a_merge_of_a_shell_script_is_seen(self):
        self.passes("shell", "tests/x.sh", "f() {\n    ( true )\n}\n")
        self.sees("shell", "tests/x.sh", "f() {\n    ( true )\n}\n    )\n}\n")

    def test_only_the_public_header_of_core_is_for_others(self):
        self.passes("includes", "worker/formats/x.c", '#include "core/core.h"\n')
        self.sees("includes", "worker/formats/x.c", '#include "core/internal.h"\n')

    def test_vendors_stay_in_their_rooms(self):
        for room, header in (("core", "cjson/cJSON.h"), ("edges", "cjson/cJSON.h"),
                             ("formats", "curl/curl.h"), ("commands", "librdkafka/rdkafka.h"),
                             ("commands", "microhttpd.h"), ("formats", "sys/epoll.h"),
                             ("base", "zlib.h"), ("core", "time.h"), ("core", "unistd.h"),
                             ("core", "sys/socket.h"), ("formats", "pthread.h")):
            name = f"worker/{room}/breach.c"
            self.sees("includes", name, f"\n#  include <{header}>\n", line=2)
            (self.root / name).unlink()

    def test_core_calls_neither_clock_nor_chance_nor_memory_nor_the_world(self):
        for call in ("time(NULL)", "rand ()", "malloc(1)", "free(x)", 'printf("x")',
                     'fprintf(stderr, "x")', "clock_gettime(0, &t)", "write(1, x, 1)", "getenv(x)"):
            self.sees("core-calls", "worker/core/breach.c", f"int x;\n    {call};\n", line=2)

    def test_core_may_have_words_that_look_like_calls(self):
        self.passes("core-calls", "worker/core/x.c",
                    "/* time(NULL) */ int a = last_time(b); snprintf(c, 1, \"free(x)\"); "
                    "bs_time(d); core->time(e);\n")

    def test_long_files_and_functions_are_seen(self):
        self.sees("lengths", "worker/base/long.c", "int x;\n" * 701, line=701)
        (self.root / "worker/base/long.c").unlink()
        self.passes("lengths", "tests/unit/f.c", "void f(void)\n{\n" + "    g();\n" * 88 + "}\n")
        self.sees("lengths", "tests/unit/f.c", "void f(void)\n{\n" + "    g();\n" * 89 + "}\n",
                  line=2)

    def test_unfinished_work_is_seen(self):
        for word in ("TO" + "DO", "FIX" + "ME", "X" + "XX"):
            self.sees("unfinished", "docs/page.md", f"done\n{word}: the rest\n", line=2)
        self.passes("unfinished", "docs/page.md", "mktemp /tmp/x.XXXXXX\n")

    def test_another_form_of_c_is_seen_where_clang_format_is_the_one_we_use(self):
        known = rules.clang_format()
        style = pathlib.Path(__file__).resolve().parents[2] / ".clang-format"
        self.plant(".clang-format", style.read_text())
        self.plant("worker/base/form.c", "int  x ;\n")
        ours = known is not None and known[1] == rules.CLANG_FORMAT_MAJOR
        found = any(name.startswith("worker/base/form.c:") for name in self.breaches("form"))
        self.assertEqual(found, ours)


if __name__ == "__main__":
    unittest.main()
