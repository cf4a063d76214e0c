/* A crash leaves no dump of a memory that holds credentials. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/dump.h"

/* In a folder of its own, in case that there is a dump; the sanitizers' handlers are not asked. */
static void crash(void)
{
    struct rlimit limit;
    if (chdir("/tmp") != 0 || getrlimit(RLIMIT_CORE, &limit) != 0) {
        _exit(1);
    }
    limit.rlim_cur = limit.rlim_max; /* as generous as we may be */
    if (setrlimit(RLIMIT_CORE, &limit) != 0) {
        _exit(2);
    }
    bs_dump_without_memory();
    abort();
}

static void a_crash_leaves_no_dump(void **state)
{
    (void)state;
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        crash();
    }
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_false(WCOREDUMP(status));
}

static void the_hard_limit_stays_for_a_person_to_raise_it(void **state)
{
    (void)state;
    struct rlimit before, after;
    assert_int_equal(getrlimit(RLIMIT_CORE, &before), 0);
    bs_dump_without_memory();
    assert_int_equal(getrlimit(RLIMIT_CORE, &after), 0);
    assert_true(after.rlim_max == before.rlim_max);
    assert_true(after.rlim_cur <= 1);
}

static void a_dump_that_is_made_all_the_same_holds_no_memory(void **state)
{
    (void)state;
    char kinds[32] = "";
    bs_dump_without_memory();
    FILE *file = fopen("/proc/self/coredump_filter", "re");
    assert_non_null(file);
    assert_non_null(fgets(kinds, sizeof kinds, file));
    (void)fclose(file);
    assert_int_equal(strtoul(kinds, NULL, 16), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_leaves_no_dump),
        cmocka_unit_test(the_hard_limit_stays_for_a_person_to_raise_it),
        cmocka_unit_test(a_dump_that_is_made_all_the_same_holds_no_memory),
    };
    return cmocka_run_group_tests_name("dump", tests, NULL, NULL);
}
