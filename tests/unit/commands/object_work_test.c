/* Work at the object store, on a store that fails as it is told: whose fault a failure is, and what
 * a copy holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/object_work.h"
#include "formats/gzip.h"

/* ---- a store of one recording, and of one other object -----------------------------------------
 */

static struct {
    struct bs_buffer recording;
    const char *etag;
    enum bs_error_code head, get, put, delete, witness; /* what each call fails with */
    const char *said;
    int gets_until_replaced; /* then the recording is another one; -1 = never */
    bool give_up;            /* the work is abandoned while it is copied */
    size_t room;             /* of each piece that a put asks for */
    int64_t begins_anew_at;  /* a put that got so far begins again, once; 0 = none does */
    struct bs_buffer written;
    char written_key[200];
    int puts;
    struct bs_object_work_item *item;
} store;

static enum bs_error_code fail_with(enum bs_error_code code, struct bs_error *error)
{
    return code == BS_OK ? BS_OK : bs_error_set(error, code, "%s", store.said);
}

enum bs_error_code bs_objects_head(struct bs_objects *objects, const struct bs_object_name *name,
                                   int64_t limit_ms, struct bs_object_facts *facts,
                                   struct bs_error *error)
{
    (void)objects;
    assert_true(limit_ms > 0);
    if (strcmp(name->key, "witness.wav") == 0) {
        return fail_with(store.witness, error);
    }
    *facts = (struct bs_object_facts){.size_bytes = (int64_t)store.recording.size};
    (void)snprintf(facts->etag, sizeof facts->etag, "%s", store.etag);
    return fail_with(store.head, error);
}

enum bs_error_code bs_objects_get_range(struct bs_objects *objects,
                                        const struct bs_object_name *name, int64_t offset,
                                        size_t length, const char *etag, int64_t limit_ms,
                                        struct bs_buffer *out, struct bs_error *error)
{
    (void)objects;
    (void)name;
    (void)limit_ms;
    if (store.get != BS_OK) {
        return fail_with(store.get, error);
    }
    if (store.gets_until_replaced == 0 && etag != NULL) {
        return bs_error_set(error, BS_ERROR_INVALID, "the object has been replaced by another one");
    }
    store.gets_until_replaced--;
    size_t left = store.recording.size - (size_t)offset;
    bs_buffer_append(out, store.recording.data + offset, left < length ? left : length);
    return BS_OK;
}

enum bs_error_code bs_objects_put(struct bs_objects *objects, const struct bs_object_name *name,
                                  const char *content_type, int64_t size_bytes, const char *sha256,
                                  int64_t limit_ms, bs_objects_source *source, void *context,
                                  struct bs_error *error)
{
    (void)objects;
    (void)content_type;
    (void)sha256;
    (void)limit_ms;
    store.puts++;
    (void)snprintf(store.written_key, sizeof store.written_key, "%s", name->key);
    store.written.size = 0;
    while ((int64_t)store.written.size < size_bytes) {
        int64_t offset = (int64_t)store.written.size;
        if (store.begins_anew_at > 0 && offset >= store.begins_anew_at) {
            store.begins_anew_at = 0;
            store.written.size = 0;
            continue;
        }
        if (store.give_up && offset > 0) {
            atomic_store(&store.item->abandoned, true);
        }
        uint8_t *place = bs_buffer_extend(&store.written, store.room);
        int64_t size = source(context, offset, place, store.room);
        store.written.size -= store.room - (size_t)(size < 0 ? 0 : size);
        if (size < 0) {
            return bs_error_set(error, BS_ERROR_INVALID, "the source does not go on");
        }
        assert_true(size > 0);
    }
    return fail_with(store.put, error);
}

enum bs_error_code bs_objects_delete(struct bs_objects *objects, const struct bs_object_name *name,
                                     int64_t limit_ms, struct bs_error *error)
{
    (void)objects;
    (void)limit_ms;
    (void)snprintf(store.written_key, sizeof store.written_key, "%s", name->key);
    return fail_with(store.delete, error);
}

/* ---- a scene -----------------------------------------------------------------------------------
 */

#define SAMPLES 300000

static struct bs_config *config;
static struct bs_operation operation;
static struct bs_buffer packed;

static void put_u32(struct bs_buffer *out, uint32_t number)
{
    for (int i = 0; i < 4; i++) {
        uint8_t byte = (uint8_t)(number >> 8 * i);
        bs_buffer_append(out, &byte, 1);
    }
}

/* A WAV of 8-bit samples, each another one than those beside it. */
static void make_recording(uint32_t rate)
{
    struct bs_buffer *wav = &store.recording;
    wav->size = 0;
    bs_buffer_append(wav, "RIFF", 4);
    put_u32(wav, 36 + SAMPLES);
    bs_buffer_append(wav, "WAVEfmt ", 8);
    put_u32(wav, 16);
    bs_buffer_append(wav, "\x01\0\x01\0", 4);
    put_u32(wav, rate);
    put_u32(wav, rate);
    bs_buffer_append(wav, "\x01\0\x08\0data", 8);
    put_u32(wav, SAMPLES);
    for (uint32_t i = 0; i < SAMPLES; i++) {
        uint8_t sample = (uint8_t)(i * 2654435761u >> 13);
        bs_buffer_append(wav, &sample, 1);
    }
}

static int begin(void **state)
{
    (void)state;
    const char *settings[] = {"kafka.bootstrap.servers=127.0.0.1:9092",
                              "speechkit.auth.api_key_file=/key",
                              "objects.auth.static_key_file=/storage",
                              "objects.staging=s3://recordings/staging",
                              "objects.transcripts=s3://recordings/transcripts",
                              "results.compress_over_bytes=0",
                              "results.inline_bytes=1024"};
    struct bs_config_errors errors;
    config = bs_config_parse(NULL, 0, settings, sizeof settings / sizeof *settings, &errors);
    bs_config_errors_free(&errors);
    assert_non_null(config);
    memset(&store, 0, sizeof store);
    store.etag = "one";
    store.said = "said by the store";
    store.gets_until_replaced = -1;
    store.room = 16384;
    make_recording(8000);

    static const char job[] = "{\"audio\":{\"uri\":\"s3://recordings/a.wav\"}}";
    struct bs_source source = {.topic = "jobs", .partition = 3, .offset = 41, .timestamp = 1700};
    struct bs_message message = {.value = {.data = (const uint8_t *)job, .size = sizeof job - 1}};
    struct bs_job_event event;
    packed = (struct bs_buffer){0};
    bs_job_decode(config, &source, &message, &event, &packed);
    assert_true(event.probe_wanted);
    operation = (struct bs_operation){.job = packed.data, .job_size = (uint32_t)event.job_size};
    return 0;
}

static int end(void **state)
{
    (void)state;
    bs_buffer_free(&store.recording);
    bs_buffer_free(&store.written);
    bs_buffer_free(&packed);
    bs_config_free(config);
    return 0;
}

/* Freed by bs_object_work_free. */
static struct bs_object_work_item *work(enum bs_object_work kind, bool with_witness)
{
    char bucket[] = "recordings", key[] = "witness.wav";
    struct bs_object_name witness = {.bucket = bucket, .key = key};
    store.item = bs_object_work_create(config, NULL, "cluster", &operation, kind);
    bs_object_work_compare(store.item, with_witness ? &witness : NULL);
    bs_object_work_run(store.item);
    return store.item;
}

static void assert_outcome(enum bs_object_work kind, bool with_witness,
                           enum bs_object_outcome outcome, bool alone, const char *said)
{
    struct bs_object_work_item *item = work(kind, with_witness);
    assert_int_equal(item->answer.outcome, outcome);
    assert_int_equal(item->answer.alone, alone);
    if (strstr(item->answer.message, said) == NULL) {
        fail_msg("%s", item->answer.message);
    }
    bs_object_work_free(item);
}

/* ---- looks -------------------------------------------------------------------------------------
 */

static void a_missing_object_is_the_jobs_fault_and_a_missing_bucket_an_operators(void **state)
{
    (void)state;
    store.head = store.get = BS_ERROR_NOT_FOUND;
    store.said = "get s3://recordings/a.wav: NoSuchKey, HTTP status 404";
    struct bs_object_work_item *item = work(BS_OBJECT_PROBE, false);
    assert_int_equal(item->answer.outcome, BS_OBJECT_REFUSED);
    assert_int_equal(item->answer.refusal, BS_DEAD_AUDIO_NOT_FOUND);
    assert_string_equal(item->answer.message, "s3://recordings/a.wav: there is no such object");
    bs_object_work_free(item);
    store.said = "get s3://recordings/a.wav: NoSuchBucket, HTTP status 404";
    assert_outcome(BS_OBJECT_PROBE, false, BS_OBJECT_DENIED, false, "NoSuchBucket");
    store.get = BS_OK; /* it came just now */
    assert_outcome(BS_OBJECT_PROBE, false, BS_OBJECT_TEMPORARY, false, "only just now");
}

/* A right that was taken away while the worker ran must not turn an archive into dead letters. */
static void a_denied_object_is_alone_at_fault_only_if_another_can_be_read_now(void **state)
{
    (void)state;
    store.head = BS_ERROR_DENIED;
    assert_outcome(BS_OBJECT_PROBE, false, BS_OBJECT_DENIED, false, "said by the store");
    assert_outcome(BS_OBJECT_PROBE, true, BS_OBJECT_DENIED, true, "said by the store");
    store.witness = BS_ERROR_DENIED;
    assert_outcome(BS_OBJECT_PROBE, true, BS_OBJECT_DENIED, false, "said by the store");
    store.witness = BS_ERROR_NOT_FOUND;
    assert_outcome(BS_OBJECT_PROBE, true, BS_OBJECT_DENIED, false, "said by the store");
}

static void what_can_pass_is_tried_again(void **state)
{
    (void)state;
    store.witness = BS_ERROR_TEMPORARY;
    static const enum bs_error_code codes[] = {BS_ERROR_TEMPORARY, BS_ERROR_LIMIT, BS_ERROR_FATAL};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        store.head = codes[i];
        assert_outcome(BS_OBJECT_PROBE, true, BS_OBJECT_TEMPORARY, false, "said by the store");
        store.head = BS_OK;
        store.get = codes[i];
        assert_outcome(BS_OBJECT_PROBE, true, BS_OBJECT_TEMPORARY, false, "said by the store");
        store.get = BS_OK;
    }
    store.gets_until_replaced = 0;
    store.witness = BS_OK;
    assert_outcome(BS_OBJECT_PROBE, true, BS_OBJECT_TEMPORARY, false, "replaced");
}

/* One object that the store fails to give must not stop the others, nor be waited for for ever. */
static void an_object_that_fails_while_another_can_be_read_is_alone_at_fault(void **state)
{
    (void)state;
    store.head = BS_ERROR_TEMPORARY;
    assert_outcome(BS_OBJECT_PROBE, true, BS_OBJECT_TEMPORARY, true, "said by the store");
    assert_outcome(BS_OBJECT_PROBE, false, BS_OBJECT_TEMPORARY, false, "said by the store");
    store.head = BS_OK;
    store.get = BS_ERROR_TEMPORARY;
    assert_outcome(BS_OBJECT_PROBE, true, BS_OBJECT_TEMPORARY, true, "said by the store");
    store.get = BS_ERROR_FATAL; /* this process ends */
    assert_outcome(BS_OBJECT_PROBE, true, BS_OBJECT_TEMPORARY, false, "said by the store");
}

static void a_look_completes_the_job(void **state)
{
    (void)state;
    struct bs_object_work_item *item = work(BS_OBJECT_PROBE, false);
    struct bs_job job;
    assert_int_equal(item->answer.outcome, BS_OBJECT_DONE);
    assert_true(item->answer.stage_wanted && item->readable);
    assert_int_equal(item->answer.channels, 1);
    assert_true(item->answer.audio_seconds > 37.49 && item->answer.audio_seconds < 37.51);
    assert_true(bs_job_unpack(item->answer.job, item->answer.job_size, &job));
    assert_int_equal(job.sample_rate_hertz, 8000);
    assert_non_null(strstr(job.staged_uri, "/recordings/staging/jobs-3-41-"));
    bs_job_free(&job);
    bs_object_work_free(item);
    assert_int_equal(store.puts, 0);
}

/* ---- copies ------------------------------------------------------------------------------------
 */

static void assert_copied(void)
{
    const uint8_t *samples = store.recording.data + store.recording.size - SAMPLES;
    assert_int_equal(store.written.size, 2 * SAMPLES);
    for (size_t i = 0; i < SAMPLES; i++) {
        /* unsigned around 128 to signed around 0, little-endian */
        assert_int_equal(store.written.data[2 * i], 0);
        assert_int_equal(store.written.data[2 * i + 1], (uint8_t)(samples[i] - 128));
    }
    assert_int_equal(strncmp(store.written_key, "staging/jobs-3-41-", 18), 0);
}

static void a_copy_holds_each_sample_once_however_it_is_asked_for(void **state)
{
    (void)state;
    static const size_t rooms[] = {16384, 4095, 1, 8 << 20};
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        for (int again = 0; again < 2; again++) {
            store.room = rooms[i];
            store.begins_anew_at = again * 100001; /* in the middle of a sample */
            struct bs_object_work_item *item = work(BS_OBJECT_STAGE, false);
            assert_int_equal(item->answer.outcome, BS_OBJECT_DONE);
            bs_object_work_free(item);
            assert_copied();
        }
    }
}

static void a_recording_that_is_replaced_is_copied_as_what_it_is_now(void **state)
{
    (void)state;
    make_recording(16000);
    struct bs_object_work_item *item = work(BS_OBJECT_STAGE, false);
    struct bs_job job;
    assert_int_equal(item->answer.outcome, BS_OBJECT_DONE);
    assert_true(bs_job_unpack(item->answer.job, item->answer.job_size, &job));
    assert_int_equal(job.sample_rate_hertz, 16000);
    assert_non_null(strstr(job.specification_json, "\"sampleRateHertz\":16000"));
    bs_job_free(&job);
    bs_object_work_free(item);
    make_recording(44100);
    assert_outcome(BS_OBJECT_STAGE, false, BS_OBJECT_REFUSED, false, "44100");
    make_recording(8000);
    store.gets_until_replaced = 1; /* after the look, before the copy is whole */
    assert_outcome(BS_OBJECT_STAGE, false, BS_OBJECT_TEMPORARY, false, "replaced");
}

static void a_copy_that_nobody_waits_for_ends(void **state)
{
    (void)state;
    store.give_up = true;
    assert_outcome(BS_OBJECT_STAGE, false, BS_OBJECT_TEMPORARY, false, "given up");
    assert_true(store.written.size < SAMPLES);
}

static void a_place_that_cannot_be_written_is_an_operators_matter(void **state)
{
    (void)state;
    store.put = BS_ERROR_DENIED;
    assert_outcome(BS_OBJECT_STAGE, true, BS_OBJECT_DENIED, false, "said by the store");
    store.put = BS_ERROR_NOT_FOUND; /* the bucket */
    assert_outcome(BS_OBJECT_STAGE, true, BS_OBJECT_DENIED, false, "said by the store");
    store.put = BS_ERROR_TEMPORARY;
    assert_outcome(BS_OBJECT_STAGE, true, BS_OBJECT_TEMPORARY, false, "said by the store");
}

static void a_refused_deletion_names_the_role_and_the_rule(void **state)
{
    (void)state;
    struct bs_object_work_item *item = work(BS_OBJECT_UNSTAGE, false);
    assert_int_equal(item->answer.outcome, BS_OBJECT_DONE);
    assert_int_equal(strncmp(store.written_key, "staging/jobs-3-41-", 18), 0);
    bs_object_work_free(item);
    store.delete = BS_ERROR_DENIED;
    assert_outcome(BS_OBJECT_UNSTAGE, false, BS_OBJECT_DENIED, false,
                   "storage.editor, or a lifecycle rule");
    assert_outcome(BS_OBJECT_UNSTAGE, false, BS_OBJECT_DENIED, false,
                   "s3://recordings/staging/jobs-3-41-");
}

static struct bs_config *parse_config(const char *staging, const char *endpoint)
{
    const char *settings[] = {"kafka.bootstrap.servers=127.0.0.1:9092",
                              "speechkit.auth.api_key_file=/key",
                              "objects.auth.static_key_file=/storage",
                              "objects.buckets=[\"elsewhere\"]",
                              staging,
                              endpoint};
    struct bs_config_errors errors;
    struct bs_config *parsed =
        bs_config_parse(NULL, 0, settings, sizeof settings / sizeof *settings, &errors);
    bs_config_errors_free(&errors);
    assert_non_null(parsed);
    return parsed;
}

/* Also after a restart with another configuration. */
static void a_copy_is_deleted_where_it_was_put(void **state)
{
    (void)state;
    struct bs_object_work_item *staged = work(BS_OBJECT_STAGE, false);
    char key[sizeof store.written_key];
    memcpy(key, store.written_key, sizeof key);
    operation.job = staged->completed.data;
    operation.job_size = (uint32_t)staged->completed.size;

    struct bs_config *first = config;
    config = parse_config("objects.staging=s3://elsewhere/other", "objects.region=ru-central1");
    struct bs_object_work_item *item = work(BS_OBJECT_UNSTAGE, false);
    assert_int_equal(item->answer.outcome, BS_OBJECT_DONE);
    assert_string_equal(item->name.bucket, "recordings");
    assert_string_equal(store.written_key, key);
    bs_object_work_free(item);
    bs_config_free(config);

    store.written_key[0] = '\0';
    config = parse_config("objects.staging=s3://elsewhere/other",
                          "objects.endpoint=https://another.example");
    assert_outcome(BS_OBJECT_UNSTAGE, false, BS_OBJECT_DENIED, false, "left behind");
    assert_outcome(BS_OBJECT_UNSTAGE, false, BS_OBJECT_DENIED, false, key);
    assert_string_equal(store.written_key, "");
    bs_config_free(config);
    config = first;
    bs_object_work_free(staged);
}

/* ---- transcripts -------------------------------------------------------------------------------
 */

static void a_transcript_is_put_before_it_is_referred_to(void **state)
{
    (void)state;
    char text[] = "{\"id\":\"a\",\"text\":\"b\",\"utterances\":[],\"chunks\":[]}";
    struct bs_buffer gzipped = {0};
    bs_gzip((struct bs_bytes){.data = (uint8_t *)text, .size = strlen(text)}, &gzipped);
    struct bs_payload payload = {.references = 1,
                                 .value = gzipped.data,
                                 .size = gzipped.size,
                                 .head_size = strlen("{\"id\":\"a\",\"text\":\"b\""),
                                 .gzipped = true,
                                 .too_large = true};
    operation.payload = &payload;
    struct bs_object_work_item *item = work(BS_OBJECT_STORE, false);
    assert_int_equal(item->answer.outcome, BS_OBJECT_DONE);
    assert_int_equal(store.written.size, gzipped.size);
    assert_memory_equal(store.written.data, gzipped.data, gzipped.size);
    const struct bs_payload *reference = item->answer.payload;
    struct bs_buffer plain = {0};
    assert_true(bs_gunzip((struct bs_bytes){.data = reference->value, .size = reference->size},
                          100000, &plain));
    static const char begins[] = "{\"id\":\"a\",\"text\":\"b\",\"transcript\":{\"uri\":"
                                 "\"s3://recordings/transcripts/jobs-3-41-";
    assert_memory_equal(plain.data, begins, sizeof begins - 1);
    bs_buffer_free(&plain);
    bs_object_work_free(item);

    store.put = BS_ERROR_TEMPORARY;
    assert_outcome(BS_OBJECT_STORE, false, BS_OBJECT_TEMPORARY, false, "said by the store");
    store.put = BS_ERROR_DENIED;
    assert_outcome(BS_OBJECT_STORE, false, BS_OBJECT_DENIED, false, "said by the store");
    assert_int_equal(payload.references, 1);
    bs_buffer_free(&gzipped);
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(a_missing_object_is_the_jobs_fault_and_a_missing_bucket_an_operators),
        SCENE(a_denied_object_is_alone_at_fault_only_if_another_can_be_read_now),
        SCENE(what_can_pass_is_tried_again),
        SCENE(an_object_that_fails_while_another_can_be_read_is_alone_at_fault),
        SCENE(a_look_completes_the_job),
        SCENE(a_copy_holds_each_sample_once_however_it_is_asked_for),
        SCENE(a_recording_that_is_replaced_is_copied_as_what_it_is_now),
        SCENE(a_copy_that_nobody_waits_for_ends),
        SCENE(a_place_that_cannot_be_written_is_an_operators_matter),
        SCENE(a_refused_deletion_names_the_role_and_the_rule),
        SCENE(a_copy_is_deleted_where_it_was_put),
        SCENE(a_transcript_is_put_before_it_is_referred_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
