/* What the worker's own tables say that it writes, as JSON on standard output: the codes and stages
 * of dead letters, the headers of one that has them all, a key of each kind of state record, and a
 * page of /metrics with every label. The reference and schemas/asyncapi.yaml are held against it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/core.h"
#include "edges/admin_pages.h"
#include "formats/dead_letter.h"
#include "formats/redriven.h"
#include "formats/state.h"

static const char *code_name(int code)
{
    return bs_dead_letter_code_name((enum bs_dead_letter_code)code);
}

static const char *stage_name(int stage)
{
    return bs_stage_name((enum bs_stage)stage);
}

static const char *reason_name(int reason)
{
    return bs_not_ready_name((enum bs_not_ready)reason);
}

static void print_names(const char *title, const char *(*name)(int), int first, int count)
{
    printf("\"%s\": [", title);
    for (int i = first; i < count; i++) {
        printf("%s\"%s\"", i == first ? "" : ", ", name(i));
    }
    printf("],\n");
}

static void print_headers(void)
{
    char topic[] = "jobs", id[] = "e03abc", message[] = "why";
    struct bs_job job = {.topic = topic};
    const struct bs_operation operation = {.dead_letter_code = BS_DEAD_RECOGNITION_FAILED,
                                           .dead_letter_stage = BS_STAGE_CHECK,
                                           .operation_id = id,
                                           .message = message,
                                           .omit_value = true};
    struct bs_dead_letter_headers headers;
    bs_dead_letter_headers(&operation, &job, 1700000000000, &headers);
    printf("\"headers\": [");
    for (size_t i = 0; i < headers.count; i++) {
        printf("%s\"%s\"", i == 0 ? "" : ", ", headers.headers[i].name);
    }
    printf("],\n");
    bs_dead_letter_headers_free(&headers);
}

static void print_state_keys(void)
{
    const uint8_t hash[BS_ID_HASH_SIZE] = {0xab};
    const struct bs_redriven_letter letter = {.partition = 7, .offset = 123456};
    char operation[BS_STATE_KEY_SIZE], id[BS_STATE_KEY_SIZE], control[BS_STATE_KEY_SIZE];
    char redriven[BS_REDRIVEN_KEY_SIZE] = "";
    struct bs_buffer value = {0};
    bs_state_key_operation(9007199254740993, operation);
    bs_state_key_id(hash, id);
    bs_state_key_control(control);
    struct bs_redriven *marks = bs_redriven_create("transcription-dead-letters");
    bs_redriven_add(marks, &letter);
    bool changed = bs_redriven_next_change(marks, redriven, &value);
    BS_ASSERT(changed);
    bs_redriven_destroy(marks);
    bs_buffer_free(&value);
    printf("\"stateKeys\": [\"%s\", \"%s\", \"%s\", \"%s\"],\n", operation, id, control, redriven);
}

static void print_text(const struct bs_buffer *text)
{
    for (size_t i = 0; i < text->size; i++) {
        char character = (char)text->data[i];
        if (character == '\n') {
            printf("\\n");
        } else {
            printf("%s%c", character == '"' || character == '\\' ? "\\" : "", character);
        }
    }
}

/* Counters that appear with their first count are counted once. */
static void print_metrics(void)
{
    static struct bs_counters counters;
    const struct bs_core_options options = {.state_partitions = 1,
                                            .window_ms = 3600000,
                                            .submissions = 1,
                                            .checks = 1,
                                            .billed_seconds_per_day = 1,
                                            .in_flight = 1,
                                            .memory_bytes = 1 << 20};
    struct bs_core *core = bs_core_create(&options);
    const int64_t waiting = 0;
    const int32_t partition = 0;
    struct bs_admin_facts facts = {.core_handle = core,
                                   .worker = "",
                                   .group = "",
                                   .version = "",
                                   .librdkafka = "",
                                   .libcurl = "",
                                   .credentials_expiry = 1000,
                                   .jobs_waiting_count = 1,
                                   .jobs_waiting_partition = &partition,
                                   .jobs_waiting = &waiting};
    bs_core_view(core, (struct bs_now){.mono = 1, .wall = 1700000000000}, &facts.core);
    counters = *facts.core.counters;
    facts.core.counters = &counters;
    for (int stage = 0; stage <= BS_STAGE_PUBLISH; stage++) {
        for (int code = BS_DEAD_NONE + 1; code < BS_DEAD_CODES; code++) {
            counters.dead_letters[stage][code] = 1;
        }
    }
    struct bs_buffer page = {0};
    bs_admin_write_metrics(&facts, &page);
    printf("\"metrics\": \"");
    print_text(&page);
    printf("\"\n");
    bs_buffer_free(&page);
    bs_core_destroy(core, NULL);
}

int main(void)
{
    printf("{\n");
    print_names("codes", code_name, BS_DEAD_NONE + 1, BS_DEAD_CODES);
    print_names("stages", stage_name, 0, BS_STAGE_PUBLISH + 1);
    print_names("notReady", reason_name, 0, BS_NOT_READY_REASONS);
    print_headers();
    print_state_keys();
    print_metrics();
    printf("}\n");
    return 0;
}
