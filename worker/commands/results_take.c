/* What is done with one result. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands/results.h"
#include "edges/loop.h"
#include "formats/file_name.h"
#include "formats/glob.h"

#define SETTLE_EVERY_MS 5000
#define STREAM_BYTES    65536

/* ---- which are wanted ---- */

static bool fits_ids(const struct bs_option_values *ids, const char *id)
{
    for (size_t i = 0; i < ids->count; i++) {
        if (strcmp(ids->list[i], id) == 0 || bs_glob_match(ids->list[i], id)) {
            return true;
        }
    }
    return ids->count == 0;
}

static bool fits_labels(const struct bs_option_values *labels,
                        const struct bs_transcript *transcript)
{
    for (size_t i = 0; i < labels->count; i++) {
        char name[256];
        const char *equals = strchr(labels->list[i], '=');
        (void)snprintf(name, sizeof name, "%.*s", (int)(equals - labels->list[i]), labels->list[i]);
        if (!bs_transcript_has_label(transcript, name, equals + 1)) {
            return false;
        }
    }
    return true;
}

/* `timestamp` is the message's; one without is old. */
static bool fits(const struct bs_results_filter *filter, const struct bs_transcript *transcript,
                 int64_t timestamp)
{
    return (filter->since == 0 || timestamp >= filter->since) &&
           fits_ids(&filter->ids, bs_transcript_id(transcript)) &&
           fits_labels(&filter->labels, transcript);
}

/* ---- writing ---- */

static void fail_at_stream(struct bs_results *results)
{
    if (errno != EINTR) {
        bs_results_say("standard output: %s", strerror(errno));
    }
    results->broken = true;
}

static bool flush(struct bs_results *results)
{
    struct bs_buffer *stream = &results->stream;
    if (results->broken) {
        return false; /* what of it has arrived is not known */
    }
    if (!bs_results_write_all(STDOUT_FILENO, stream->data, stream->size)) {
        fail_at_stream(results);
    }
    stream->size = 0;
    return !results->broken;
}

/* With --follow a reader waits for each; else much at once costs less. */
static void write_text(struct bs_results *results, bool at_once)
{
    bs_buffer_append(&results->stream, results->text.data, results->text.size);
    if (at_once || results->stream.size >= STREAM_BYTES) {
        (void)flush(results);
    }
}

void bs_results_begin_stream(struct bs_results *results)
{
    results->text.size = 0;
    bs_transcript_begin(&results->writing, &results->text);
    write_text(results, true);
}

static void write_to_stream(struct bs_results *results, const struct bs_transcript *transcript)
{
    bool is_srt = results->writing.format == BS_TRANSCRIPT_SRT;
    if (is_srt && results->written == 1) {
        bs_results_say("several recordings in one stream of SRT: the times begin anew with each; "
                       "--output FOLDER writes a file a recording");
    }
    bs_transcript_write(&results->writing, transcript, &results->text);
    write_text(results, results->follow);
}

/* False: it was not written. */
static bool write_to_file(struct bs_results *results, const struct bs_transcript *transcript,
                          int64_t timestamp)
{
    struct bs_transcript_writing *writing = &results->writing;
    const char *id = bs_transcript_id(transcript);
    bs_wall_ms moment = bs_transcript_moment(transcript);
    bool newer = false;
    writing->cues = 0;
    results->name.size = 0;
    bs_file_name_append(results->config, results->folder.root, bs_transcript_uri(transcript), id,
                        bs_transcript_extension(writing->format), results->folder.portable,
                        &results->name);
    bs_transcript_begin(writing, &results->text);
    bs_transcript_write(writing, transcript, &results->text);
    struct bs_bytes content = {.data = results->text.data, .size = results->text.size};
    if (!bs_results_write_file(&results->folder, (const char *)results->name.data, content,
                               moment > 0 ? moment : timestamp, id, &newer)) {
        results->broken = true;
    }
    results->newer += newer;
    return !results->broken && !newer;
}

static void write_result(struct bs_results *results, const struct bs_transcript *transcript,
                         int64_t timestamp)
{
    bool written = true;
    results->text.size = 0;
    if (results->folder.path == NULL) {
        write_to_stream(results, transcript);
    } else {
        written = write_to_file(results, transcript, timestamp);
    }
    results->written += written;
}

/* ---- reading ---- */

static void complain(struct bs_results *results, int32_t partition, int64_t offset,
                     const char *what, const struct bs_error *error)
{
    results->unreadable++;
    bs_results_say("partition %" PRId32 ", offset %" PRId64 ": %s%s", partition, offset, what,
                   error->message);
}

/* What the store cannot give now it may give to the next run, where there is one. */
static bool waits_for_store(const struct bs_results *results, const struct bs_error *error)
{
    bool may_pass = error->code == BS_ERROR_TEMPORARY || error->code == BS_ERROR_DENIED ||
                    error->code == BS_ERROR_FATAL;
    return may_pass && (results->state.path != NULL || bs_results_interrupted());
}

/* Of a result that is stored elsewhere: all of it, or what the message has, or nothing. */
static void write_stored(struct bs_results *results, const struct bs_transcript *part,
                         const struct bs_transcript_reference *reference, int32_t partition,
                         int64_t offset, int64_t timestamp)
{
    struct bs_error error = BS_NO_ERROR;
    struct bs_buffer stored = {0};
    struct bs_transcript *whole = bs_results_fetch(results, reference, &stored, &error);
    if (whole != NULL) {
        write_result(results, whole, timestamp);
    } else if (waits_for_store(results, &error)) {
        if (!bs_results_interrupted()) {
            complain(results, partition, offset, "", &error);
        }
        results->broken = true;
    } else if (bs_transcript_shows_parts(results->writing.format)) {
        complain(results, partition, offset, "not the whole of it: ", &error);
        write_result(results, part, timestamp);
    } else {
        complain(results, partition, offset, "not written, for want of its times: ", &error);
    }
    bs_transcript_free(whole);
    bs_buffer_free(&stored);
}

bool bs_results_take(void *context, int32_t partition, int64_t offset, int64_t timestamp,
                     const struct bs_message *message)
{
    struct bs_results *results = context;
    struct bs_error error = BS_NO_ERROR;
    struct bs_transcript_reference reference;
    if (results->filter.until > 0 && timestamp >= results->filter.until) {
        bs_results_state_hold(&results->state, partition); /* a later run may want it */
        return bs_results_go_on(results);
    }
    struct bs_transcript *transcript = bs_transcript_read(message, &error);
    if (transcript == NULL) {
        complain(results, partition, offset, "", &error);
    } else if (fits(&results->filter, transcript, timestamp)) {
        if (bs_transcript_reference_of(transcript, &reference)) {
            write_stored(results, transcript, &reference, partition, offset, timestamp);
            bs_transcript_reference_free(&reference);
        } else {
            write_result(results, transcript, timestamp);
        }
    }
    bs_transcript_free(transcript);
    if (results->broken) {
        return false;
    }
    bs_results_state_advance(&results->state, partition, offset + 1);
    return bs_results_go_on(results);
}

/* ---- the state ---- */

void bs_results_settle(struct bs_results *results)
{
    struct bs_results_state *state = &results->state;
    if (results->folder.path == NULL && !flush(results)) {
        return;
    }
    if (state->path == NULL || !state->changed) {
        return;
    }
    if (results->folder.path != NULL) {
        bs_results_settle_folder(&results->folder);
    }
    if (!bs_results_write_state(results)) {
        results->broken = true;
    }
}

bool bs_results_go_on(void *context)
{
    struct bs_results *results = context;
    if (results->state.changed && bs_clock_now().mono - results->state.written >= SETTLE_EVERY_MS) {
        bs_results_settle(results);
    }
    return !results->broken && !bs_results_interrupted();
}

bool bs_results_take_bounds(void *context, int32_t partition, int64_t start, int64_t end)
{
    struct bs_results *results = context;
    const struct bs_results_state *state = &results->state;
    int64_t next = partition < state->count ? state->next[partition] : 0;
    if (next > end) {
        bs_results_say("partition %" PRId32 " of topic %s ends at offset %" PRId64
                       ", and %s says that it was read up to %" PRId64
                       ": the topic was made anew. --from-start begins with it",
                       partition, results->config->topics.results, end, state->path, next);
        results->broken = true;
        return false;
    }
    if (next > 0 && next < start) {
        bs_results_say("partition %" PRId32 ": offsets %" PRId64 " to %" PRId64
                       " were deleted before they were read: the topic's retention is too short",
                       partition, next, start - 1);
        results->lost += start - next;
    }
    return true;
}
