/* A worker's /status, as it should be and as somebody else would write it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "formats/worker_status.h"

static bool read_page(const char *page, struct bs_worker_status *status, struct bs_error *error)
{
    const struct bs_bytes bytes = {.data = (const uint8_t *)page, .size = strlen(page)};
    return bs_worker_status_read(bytes, status, error);
}

static void assert_refused(const char *page)
{
    struct bs_worker_status status;
    struct bs_error error = BS_NO_ERROR;
    assert_false(read_page(page, &status, &error));
    assert_string_equal(error.message, "its answer is no worker's status");
}

static void a_page_is_read_as_it_stands(void **state)
{
    (void)state;
    struct bs_worker_status status;
    struct bs_error error;
    assert_true(read_page(
        "{\"worker\":\"pod-1\",\"group\":\"g\",\"version\":\"0.1.0\",\"uptimeSeconds\":61.5,"
        "\"ready\":false,\"notReady\":[{\"reason\":\"restoring\",\"text\":\"partition 1\"}],"
        "\"operations\":{\"preparing\":1,\"waiting\":2,\"submitting\":4,\"running\":8,"
        "\"checking\":16,\"finishing\":32,\"ended\":64,\"done\":128},"
        "\"oldestOperation\":{\"id\":\"call\",\"partition\":3,\"offset\":9,\"state\":\"running\","
        "\"ageSeconds\":7.5,\"operationId\":\"e03\",\"submittedAt\":null,\"checks\":2},"
        "\"counters\":{\"results\":10,\"deadLettersTotal\":3,\"jobsSkipped\":{\"done\":1,"
        "\"in_flight\":2},\"billedSeconds\":150},"
        "\"rates\":[{\"seconds\":30,\"results\":5,\"deadLetters\":1,\"submissions\":6,"
        "\"checks\":7,\"billedSeconds\":75}],"
        "\"detectionDelay\":{\"count\":10,\"mean\":1.5,\"median\":1,\"p99\":4},"
        "\"checksPerResult\":{\"count\":10,\"sum\":12},"
        "\"quotas\":{\"submissions\":{\"share\":250,\"available\":100},"
        "\"checks\":{\"share\":1250,\"available\":null}},"
        "\"partitions\":[{\"partition\":0,\"state\":\"serving\",\"position\":5},"
        "{\"partition\":1,\"state\":\"restoring\",\"position\":-1}],\"newer\":[{}]}",
        &status, &error));
    assert_string_equal(status.worker, "pod-1");
    assert_false(status.ready);
    assert_string_equal(status.reason, "restoring");
    assert_int_equal(status.unsubmitted, 1 + 2);
    assert_int_equal(status.in_flight, 4 + 8 + 16 + 32 + 64);
    assert_true(status.oldest.known && status.oldest.age_seconds == 7.5);
    assert_int_equal(status.skipped, 3);
    assert_true(status.rates[0].seconds == 30 && status.rates[1].seconds == 0);
    assert_true(status.quotas[BS_QUOTA_SUBMISSIONS].available == 100);
    assert_true(isnan(status.quotas[BS_QUOTA_CHECKS].available));
    assert_true(isnan(status.quotas[BS_QUOTA_BILLED_SECONDS].share));
    assert_int_equal(status.partition_count, 2);
    assert_true(status.partitions[0].restored && status.partitions[0].position == 5);
    assert_true(!status.partitions[1].restored && status.partitions[1].position == -1);
    bs_worker_status_free(&status);
}

static void an_older_worker_s_page_tells_what_it_has(void **state)
{
    (void)state;
    struct bs_worker_status status;
    struct bs_error error;
    assert_true(read_page("{\"group\":\"g\",\"ready\":true,\"operations\":{\"running\":2}}",
                          &status, &error));
    assert_true(status.ready && status.in_flight == 2 && !status.oldest.known);
    assert_true(isnan(status.detection_delay.mean) && status.rates[0].seconds == 0);
    bs_worker_status_free(&status);
}

static void what_is_no_status_is_refused(void **state)
{
    (void)state;
    assert_refused("");
    assert_refused("ready\n");
    assert_refused("[]");
    assert_refused("{\"group\":\"g\"}");
    assert_refused("{\"operations\":{}}");
    assert_refused("{\"group\":\"g\",\"operations\":{}");
    char *deep = malloc(2001);
    assert_non_null(deep);
    memset(deep, '[', 2000);
    deep[2000] = '\0';
    assert_refused(deep);
    free(deep);
}

static void texts_are_cleaned_and_numbers_are_bounded(void **state)
{
    (void)state;
    struct bs_worker_status status;
    struct bs_error error;
    assert_true(read_page(
        "{\"worker\":\"\\u001b[2J\\u009b\\r\\n\",\"group\":\"g\",\"uptimeSeconds\":-1,"
        "\"operations\":{\"running\":1e300,\"waiting\":-5,\"checking\":\"7\"},"
        "\"oldestOperation\":{\"id\":7,\"partition\":1e12,\"offset\":-1,\"ageSeconds\":1e308},"
        "\"rates\":{\"a\":1},\"counters\":[],\"quotas\":null,\"partitions\":["
        "{\"partition\":-1},{\"partition\":1e99},{\"position\":1},null,7,[]]}",
        &status, &error));
    assert_string_equal(status.worker, "\xef\xbf\xbd[2J\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    assert_true(status.in_flight == 0 && status.unsubmitted == 0 && status.uptime_seconds == 0);
    assert_string_equal(status.oldest.id, "");
    assert_int_equal(status.oldest.partition, INT32_MAX);
    assert_true(status.oldest.age_seconds == 0);
    assert_int_equal(status.partition_count, 0);
    bs_worker_status_free(&status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_read_as_it_stands),
        cmocka_unit_test(an_older_worker_s_page_tells_what_it_has),
        cmocka_unit_test(what_is_no_status_is_refused),
        cmocka_unit_test(texts_are_cleaned_and_numbers_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
