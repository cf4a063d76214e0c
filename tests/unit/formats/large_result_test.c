/* A recording of four hours: what its answer costs in memory on the way, and what is published when
 * it fits no message. */
#include "fixture.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/gzip.h"
#include "formats/json_view.h"
#include "formats/result.h"
#include "formats/speechkit.h"

#define JOB             "{\"id\":\"a\",\"audio\":{\"uri\":\"s3://recordings/a.ogg\",\"durationSeconds\":14400}}"
#define SECONDS_A_CHUNK 8
#define WORDS_A_CHUNK   20 /* 36,000 words in all: a fluent speaker who never pauses */
#define URI             "s3://recordings/.backscribe/transcripts/a.json.gz"

/* ---- what is allocated -------------------------------------------------------------------------
 */

static size_t live_bytes, peak_bytes;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);

static void *note(void *memory)
{
    live_bytes += memory == NULL ? 0 : malloc_usable_size(memory);
    peak_bytes = live_bytes > peak_bytes ? live_bytes : peak_bytes;
    return memory;
}

/* What a library allocated by itself was not counted. */
static void forget(void *memory)
{
    size_t size = memory == NULL ? 0 : malloc_usable_size(memory);
    live_bytes -= size < live_bytes ? size : live_bytes;
}

void *__wrap_malloc(size_t size)
{
    return note(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return note(__real_calloc(count, size));
}

/* As the kernel moves large blocks: the old and the new one are never both there. */
void *__wrap_realloc(void *memory, size_t size)
{
    forget(memory);
    return note(__real_realloc(memory, size));
}

void __wrap_free(void *memory)
{
    forget(memory);
    __real_free(memory);
}

/* ---- an answer ---------------------------------------------------------------------------------
 */

/* Words that are not all the same, so that gzip has something to do. */
static void append_word(struct bs_buffer *out, uint32_t *random)
{
    static const char *const syllables[] = {"при", "вет", "ал",  "ло",  "да", "нет", "мо",
                                            "жет", "бы",  "ть",  "ска", "жи", "те",  "по",
                                            "жа",  "луй", "ста", "что", "го", "во"};
    for (int i = 0; i < 3; i++) {
        *random = *random * 1664525u + 1013904223u;
        const char *syllable = syllables[(*random >> 16) % (sizeof syllables / sizeof *syllables)];
        bs_buffer_append(out, syllable, strlen(syllable));
    }
}

static void append_chunk(struct bs_buffer *out, int number, uint32_t random)
{
    char text[160];
    uint32_t words = random;
    (void)snprintf(text, sizeof text, "%s{\"channelTag\":\"%d\",\"alternatives\":[{\"text\":\"",
                   number == 0 ? "" : ",", 1 + number % 2);
    bs_buffer_append(out, text, strlen(text));
    for (int i = 0; i < WORDS_A_CHUNK; i++) {
        bs_buffer_append(out, " ", i == 0 ? 0 : 1);
        append_word(out, &random);
    }
    bs_buffer_append(out, "\",\"confidence\":1,\"words\":[", 26);
    for (int i = 0; i < WORDS_A_CHUNK; i++) {
        double start = number * SECONDS_A_CHUNK + i * 0.4;
        (void)snprintf(text, sizeof text,
                       "%s{\"startTime\":\"%.9fs\",\"endTime\":\"%.9fs\",\"word\":\"",
                       i == 0 ? "" : ",", start, start + 0.38);
        bs_buffer_append(out, text, strlen(text));
        append_word(out, &words);
        bs_buffer_append(out, "\",\"confidence\":1}", 17);
    }
    bs_buffer_append(out, "]}]}", 4);
}

/* The operation's answer; exactly as large as it is. */
static void make_answer(struct bs_buffer *answer, const char *behind)
{
    static const char head[] = "{\"id\":\"e03abc\",\"done\":true,\"response\":{\"chunks\":[";
    bs_buffer_append(answer, head, strlen(head));
    for (int i = 0; i < 14400 / SECONDS_A_CHUNK; i++) {
        append_chunk(answer, i, (uint32_t)i * 2654435761u);
    }
    bs_buffer_append(answer, "]", 1);
    bs_buffer_append(answer, behind, strlen(behind));
    bs_buffer_append(answer, "}}", 2);
    answer->data = realloc(answer->data, answer->size);
    answer->capacity = answer->size;
    assert_non_null(answer->data);
}

static struct bs_payload *build(const struct bs_config *config, const struct bs_buffer *body)
{
    struct fixture_job fixture;
    struct bs_answer answer;
    void *storage;
    fixture_job_make(&fixture, config, JOB);
    bs_speechkit_decode_check(config, &fixture.operation, "worker-0", 1700000070000, 200,
                              (struct bs_bytes){.data = body->data, .size = body->size}, &answer,
                              &storage);
    assert_int_equal(answer.kind, BS_ANSWER_DONE);
    bs_speechkit_free(storage);
    fixture_job_free(&fixture);
    return answer.payload;
}

static void unpack(const struct bs_payload *payload, struct bs_buffer *plain)
{
    struct bs_bytes value = {.data = payload->value, .size = payload->size};
    if (payload->gzipped) {
        assert_true(bs_gunzip(value, SIZE_MAX, plain));
    } else {
        bs_buffer_append(plain, value.data, value.size);
    }
}

/* ---- the promises ------------------------------------------------------------------------------
 */

/* The answer itself is one of them. */
static void a_four_hours_answer_becomes_its_message_within_three_copies(void **state)
{
    (void)state;
    static const char *const whole[] = {"results.compress_over_bytes=1073741824",
                                        "results.inline_bytes=1024", NULL};
    static const char *const small[] = {"results.inline_bytes=1024", NULL};
    const char *const *const settings[] = {small, whole};
    for (size_t i = 0; i < 2; i++) {
        struct bs_config *config = fixture_config(settings[i]);
        struct bs_buffer body = {0}, scratch = {0};
        make_answer(&body, "");
        assert_in_range(body.size, 4000000, 8000000);
        size_t others = live_bytes - body.size;
        peak_bytes = live_bytes;
        struct bs_payload *payload = build(config, &body);
        double built = (double)(peak_bytes - others) / (double)body.size;
        size_t body_size = body.size;
        bs_buffer_free(&body);

        peak_bytes = live_bytes;
        char sha256[65];
        struct bs_bytes packed = bs_result_pack(payload, &scratch, sha256);
        struct bs_payload *reference = bs_result_refer(config, payload, URI, packed, sha256);
        double stored = (double)(peak_bytes - others) / (double)body_size;
        print_message("an answer of %zu bytes: %.2f copies while its message is made (%s), %.2f "
                      "while it is stored\n",
                      body_size, built, payload->gzipped ? "gzipped" : "not gzipped", stored);
        assert_true(built < 3);
        assert_true(stored < 3);
        bs_payload_free(reference);
        bs_payload_free(payload);
        bs_buffer_free(&scratch);
        bs_config_free(config);
    }
}

/* A flaw (here a byte that is no UTF-8) has it read in another way, with all its nodes. */
static void a_long_answer_gives_the_same_result_by_both_ways_of_reading(void **state)
{
    (void)state;
    static const char *const with[] = {NULL};
    static const char *const without[] = {"results.words=false", NULL};
    const char *const *const settings[] = {with, without};
    for (size_t i = 0; i < 2; i++) {
        struct bs_config *config = fixture_config(settings[i]);
        struct bs_buffer folded = {0}, nodes = {0}, by_folds = {0}, by_nodes = {0};
        make_answer(&folded, ",\"note\":\"x\"");
        make_answer(&nodes, ",\"note\":\"\xff\"");
        struct bs_payload *one = build(config, &folded), *other = build(config, &nodes);
        unpack(one, &by_folds);
        unpack(other, &by_nodes);
        assert_int_equal(by_folds.size, by_nodes.size);
        assert_memory_equal(by_folds.data, by_nodes.data, by_folds.size);
        struct bs_bytes text = {.data = by_folds.data, .size = by_folds.size};
        assert_true(fixture_contains(text, "\"startSeconds\":14392,\"endSeconds\":14399.98,"));
        assert_true(fixture_contains(text, "\"words\"") == (i == 0));
        bs_payload_free(one);
        bs_payload_free(other);
        bs_buffer_free(&folded);
        bs_buffer_free(&nodes);
        bs_buffer_free(&by_folds);
        bs_buffer_free(&by_nodes);
        bs_config_free(config);
    }
}

static void assert_refers(const struct bs_payload *payload, const struct bs_payload *reference,
                          struct bs_bytes packed, const char *sha256)
{
    struct bs_buffer plain = {0}, whole = {0}, stored = {0};
    char transcript[300];
    unpack(reference, &plain);
    unpack(payload, &whole);
    assert_true(bs_gunzip(packed, SIZE_MAX, &stored));
    assert_int_equal(stored.size, whole.size);
    assert_memory_equal(stored.data, whole.data, whole.size);

    (void)snprintf(transcript, sizeof transcript,
                   ",\"transcript\":{\"uri\":\"" URI
                   "\",\"sizeBytes\":%zu,\"sha256\":\"%s\",\"contentEncoding\":\"gzip\"}}",
                   packed.size, sha256);
    size_t length = strlen(transcript);
    assert_true(plain.size > length);
    assert_memory_equal(plain.data + plain.size - length, transcript, length);
    assert_memory_equal(plain.data, whole.data, plain.size - length);
    struct bs_bytes rest = {.data = whole.data + plain.size - length,
                            .size = whole.size - (plain.size - length)};
    assert_memory_equal(rest.data, ",\"utterances\":[", 15);
    assert_true(fixture_contains((struct bs_bytes){.data = plain.data, .size = plain.size},
                                 "\"channels\":[{\"channelTag\":\"1\",\"text\":\""));
    assert_int_equal(reference->billed_seconds, payload->billed_seconds);
    bs_buffer_free(&plain);
    bs_buffer_free(&whole);
    bs_buffer_free(&stored);
}

static void what_is_published_of_a_stored_result_is_all_but_its_dialogue_and_chunks(void **state)
{
    (void)state;
    static const char *const plain[] = {"results.compress_over_bytes=1073741824",
                                        "results.inline_bytes=10000000", NULL};
    static const char *const gzipped[] = {"results.inline_bytes=300000", NULL};
    static const char *const tiny[] = {"results.inline_bytes=1024", NULL};
    const char *const *const settings[] = {plain, gzipped, tiny};
    for (size_t i = 0; i < 3; i++) {
        struct bs_config *config = fixture_config(settings[i]);
        struct bs_buffer body = {0}, scratch = {0};
        make_answer(&body, "");
        struct bs_payload *payload = build(config, &body);
        char sha256[65];
        struct bs_bytes packed = bs_result_pack(payload, &scratch, sha256);
        struct bs_payload *reference = bs_result_refer(config, payload, URI, packed, sha256);
        assert_int_equal(payload->gzipped, i > 0);
        assert_int_equal(reference->gzipped, i > 0);
        assert_int_equal(reference->too_large, i == 2);
        assert_refers(payload, reference, packed, sha256);
        bs_payload_free(reference);
        bs_payload_free(payload);
        bs_buffer_free(&body);
        bs_buffer_free(&scratch);
        bs_config_free(config);
    }
}

static void a_payload_lives_as_long_as_anybody_holds_it(void **state)
{
    (void)state;
    struct bs_config *config = fixture_config(NULL);
    struct bs_buffer body = {0};
    make_answer(&body, "");
    struct bs_payload *payload = build(config, &body);
    struct bs_payload *held = bs_payload_hold(payload);
    size_t before = live_bytes;
    bs_payload_free(payload);
    assert_int_equal(live_bytes, before);
    assert_int_equal(held->value[0], 0x1f); /* still there to be read */
    bs_payload_free(held);
    assert_true(live_bytes < before);
    bs_buffer_free(&body);
    bs_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_four_hours_answer_becomes_its_message_within_three_copies),
        cmocka_unit_test(a_long_answer_gives_the_same_result_by_both_ways_of_reading),
        cmocka_unit_test(what_is_published_of_a_stored_result_is_all_but_its_dialogue_and_chunks),
        cmocka_unit_test(a_payload_lives_as_long_as_anybody_holds_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
