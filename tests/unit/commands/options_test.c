/* The command line: what is taken, what is refused, and how a duration is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "commands/commands.h"
#include "commands/options.h"

#define ARGUMENTS_AT_MOST 16

/* A command line as main has it: the strings are its own, and argv ends with NULL. */
struct line {
    int argc;
    char *argv[ARGUMENTS_AT_MOST + 1];
};

static struct line make_line(const char *text)
{
    struct line line = {.argc = 0};
    char *copy = strdup(text);
    BS_ASSERT(copy != NULL);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        BS_ASSERT(line.argc < ARGUMENTS_AT_MOST);
        line.argv[line.argc] = strdup(word);
        BS_ASSERT(line.argv[line.argc++] != NULL);
    }
    free(copy);
    return line;
}

/* getopt and the options may reorder argv or replace argv[0], so the copies are freed from here. */
struct owned {
    char *words[ARGUMENTS_AT_MOST];
    int count;
};

static struct owned own(const struct line *line)
{
    struct owned owned = {.count = line->argc};
    memcpy(owned.words, line->argv, sizeof owned.words);
    return owned;
}

static void free_owned(struct owned *owned)
{
    for (int i = 0; i < owned->count; i++) {
        free(owned->words[i]);
    }
}

/* Runs `body` with both output streams going to files that nobody reads. */
static int quietly(int (*body)(int argc, char **argv), const char *text)
{
    struct line line = make_line(text);
    struct owned owned = own(&line);
    (void)fflush(stdout);
    (void)fflush(stderr);
    int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    FILE *nowhere = fopen("/dev/null", "we");
    BS_ASSERT(out >= 0 && err >= 0 && nowhere != NULL);
    (void)dup2(fileno(nowhere), STDOUT_FILENO);
    (void)dup2(fileno(nowhere), STDERR_FILENO);
    int status = body(line.argc, line.argv);
    (void)fflush(stdout);
    (void)fflush(stderr);
    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(err, STDERR_FILENO);
    (void)fclose(nowhere);
    (void)close(out);
    (void)close(err);
    free_owned(&owned);
    return status;
}

static void a_duration_is_a_number_and_a_unit(void **state)
{
    (void)state;
    int64_t milliseconds = 0;
    assert_true(bs_duration_parse("90", &milliseconds));
    assert_int_equal(milliseconds, 90000);
    assert_true(bs_duration_parse("15m", &milliseconds));
    assert_int_equal(milliseconds, 900000);
    assert_true(bs_duration_parse("12h", &milliseconds));
    assert_int_equal(milliseconds, 43200000);
    assert_true(bs_duration_parse("3d", &milliseconds));
    assert_int_equal(milliseconds, 259200000);
    static const char *const wrong[] = {"",   "s",   "0",   "0s",  "-1",   "+1",
                                        " 1", "1.5", "1s ", "1w",  "1ms",  "99999999999999999999",
                                        "1S", "h1",  "1 m", "1mm", "0x10", "106751991168d"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (bs_duration_parse(wrong[i], &milliseconds)) {
            fail_msg("taken as a duration: '%s'", wrong[i]);
        }
    }
}

#define GOOD                                                                                       \
    "--set kafka.bootstrap.servers=127.0.0.1:1 --set speechkit.auth.none=true"                     \
    " --set speechkit.transcribe_url=http://127.0.0.1:1"                                           \
    " --set speechkit.operation_url=http://127.0.0.1:1"

static void help_of_each_command_ends_with_0_and_needs_no_configuration(void **state)
{
    (void)state;
    assert_int_equal(quietly(bs_command_run, "run --help"), 0);
    assert_int_equal(quietly(bs_command_check, "check -h"), 0);
    assert_int_equal(quietly(bs_command_enqueue, "enqueue --dry-run --help"), 0);
    assert_int_equal(quietly(bs_command_results, "results --help extra"), 0);
}

static void wrong_usage_ends_with_2(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "check --no-such-option",
        "check " GOOD " extra",
        "check --config",
        "check " GOOD " --log-level loud",
        "check " GOOD " --log-format xml",
        "check " GOOD " --partitions 3",
        "check " GOOD " --create-topics --partitions 0",
        "check " GOOD " --create-topics --partitions 8x",
        "check --config /nonexistent/config.json",
        "check --set speechkit.auth.none=true",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int status = quietly(bs_command_check, wrong[i]);
        if (status != 2) {
            fail_msg("status %d: %s", status, wrong[i]);
        }
    }
    assert_int_equal(quietly(bs_command_enqueue, "enqueue " GOOD), 2);
    assert_int_equal(quietly(bs_command_enqueue, "enqueue --manifest /nonexistent/list " GOOD), 2);
    assert_int_equal(quietly(bs_command_results, "results --format xml " GOOD), 2);
    assert_int_equal(quietly(bs_command_run, "run --give-up-after soon " GOOD), 2);
}

static void a_command_gets_its_own_options_and_the_common_ones(void **state)
{
    (void)state;
    bool flag = false;
    const char *value = NULL;
    const struct bs_option options[] = {
        {"flag", NULL, "a flag", &flag, NULL},
        {"value", "TEXT", "a value", NULL, &value},
    };
    const struct bs_command command = {.name = "test",
                                       .usage = "",
                                       .summary = "",
                                       .options = options,
                                       .option_count = 2,
                                       .arguments_at_most = 1};
    struct line line = make_line("test --value=x " GOOD " --set group=g --flag file");
    struct owned owned = own(&line);
    struct bs_config *config = NULL;
    int first_argument = 0;
    assert_int_equal(bs_options_read(&command, line.argc, line.argv, &config, &first_argument),
                     BS_OPTIONS_RUN);
    assert_true(flag);
    assert_string_equal(value, "x");
    assert_string_equal(config->group, "g");
    assert_int_equal(first_argument, line.argc - 1);
    assert_string_equal(line.argv[first_argument], "file");
    bs_config_free(config);
    free_owned(&owned);
}

/* ---- enqueue without a broker ----------------------------------------------------------- */

static int dry_run(const char *manifest, size_t size)
{
    char path[] = "/tmp/backscribe-manifest-XXXXXX";
    int fd = mkstemp(path);
    BS_ASSERT(fd >= 0 && write(fd, manifest, size) == (ssize_t)size);
    (void)close(fd);
    char text[512];
    (void)snprintf(text, sizeof text, "enqueue --dry-run --manifest %s " GOOD, path);
    int status = quietly(bs_command_enqueue, text);
    (void)unlink(path);
    return status;
}

static void a_dry_run_tells_whether_every_line_is_a_job(void **state)
{
    (void)state;
    static const char good[] = "# list\r\n\r\ns3://bucket/a b.ogg\r\n"
                               "{\"audio\":{\"uri\":\"s3://bucket/key\"}}";
    static const char wrong[] = "s3://bucket/key\nnothing\ns3://bucket/other\n";
    static const char nul[] = "s3://bucket/k\0y\n";
    assert_int_equal(dry_run(good, sizeof good - 1), 0);
    assert_int_equal(dry_run("", 0), 0);
    assert_int_equal(dry_run(wrong, sizeof wrong - 1), 1);
    assert_int_equal(dry_run(nul, sizeof nul - 1), 1);
    static const char beginning[] = "s3://bucket/";
    size_t size = 5000000;
    char *endless = malloc(size);
    BS_ASSERT(endless != NULL);
    memset(endless, 'a', size);
    memcpy(endless, beginning, sizeof beginning - 1);
    assert_int_equal(dry_run(endless, size), 1);
    free(endless);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_duration_is_a_number_and_a_unit),
        cmocka_unit_test(help_of_each_command_ends_with_0_and_needs_no_configuration),
        cmocka_unit_test(wrong_usage_ends_with_2),
        cmocka_unit_test(a_command_gets_its_own_options_and_the_common_ones),
        cmocka_unit_test(a_dry_run_tells_whether_every_line_is_a_job),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
