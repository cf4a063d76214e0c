/* A worker's /status as anybody may answer it, and text that is to be shown on a terminal. */
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "formats/plain_text.h"
#include "formats/worker_status.h"
#include "fuzz.h"

#define NUMBER_MAX 9e15

static void check_text(const char *text, size_t room)
{
    BS_ASSERT(memchr(text, '\0', room) != NULL);
    BS_ASSERT(text[0] == '\0' || fuzz_is_message(text, room + 1));
}

static void check_number(double number)
{
    BS_ASSERT(isnan(number) || (number >= 0 && number <= NUMBER_MAX));
}

static void check_status(const struct bs_worker_status *status)
{
    check_text(status->worker, sizeof status->worker);
    check_text(status->group, sizeof status->group);
    check_text(status->version, sizeof status->version);
    check_text(status->reason, sizeof status->reason);
    check_text(status->reason_text, sizeof status->reason_text);
    check_text(status->oldest.id, sizeof status->oldest.id);
    check_text(status->oldest.state, sizeof status->oldest.state);
    check_text(status->oldest.operation_id, sizeof status->oldest.operation_id);
    check_number(status->uptime_seconds);
    check_number(status->oldest.age_seconds);
    check_number(status->billed_seconds);
    check_number(status->detection_delay.mean);
    for (int i = 0; i < BS_STATUS_RATES; i++) {
        check_number(status->rates[i].seconds);
        check_number(status->rates[i].results);
    }
    for (int i = 0; i < BS_QUOTA_KINDS; i++) {
        check_number(status->quotas[i].share);
        check_number(status->quotas[i].available);
    }
    BS_ASSERT(status->unsubmitted >= 0 && status->in_flight >= 0 && status->results >= 0);
    BS_ASSERT(status->partition_count <= BS_STATUS_PARTITIONS_MAX);
    for (int32_t i = 0; i < status->partition_count; i++) {
        BS_ASSERT(status->partitions[i].partition >= 0 && status->partitions[i].position >= -1);
    }
}

static void check_shown(struct bs_bytes bytes)
{
    char *text = fuzz_text(bytes);
    for (int ascii = 0; ascii < 2; ascii++) {
        for (int columns = 0; columns < 40; columns += 13) {
            struct bs_buffer out = {0};
            int used = bs_plain_text_append(&out, text, columns, ascii != 0);
            BS_ASSERT(used >= 0 && used <= columns);
            for (size_t i = 0; i < out.size; i++) {
                BS_ASSERT(out.data[i] >= ' ' && out.data[i] != 0x7f);
                BS_ASSERT(!ascii || out.data[i] < 0x7f);
            }
            BS_ASSERT(fuzz_is_utf8(out.data, out.size));
            bs_buffer_free(&out);
        }
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bs_bytes page = fuzz_copy(data, size);
    struct bs_worker_status status;
    struct bs_error error = BS_NO_ERROR;
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    fuzz_memory_begin();
    bool good = bs_worker_status_read(page, &status, &error);
    fuzz_memory_end(size, 200, 65536);
    if (good) {
        check_status(&status);
        bs_worker_status_free(&status);
    } else {
        BS_ASSERT(error.code == BS_ERROR_INVALID && error.message[0] != '\0');
    }
    check_shown(page);
    fuzz_free(page);
    return 0;
}
