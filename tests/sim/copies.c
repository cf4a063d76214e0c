/* What workers put into the object store: nothing is submitted that a look would refuse, a copy
 * stands when it is submitted and goes before its job's end is published, a transcript stands
 * before the result that names it does, and still does at the end. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/gzip.h"
#include "simulation.h"

#define TRANSCRIPT_MAX (16 * 1024 * 1024)
/* As core's finish.c and probe.c have them. */
#define UNSTAGE_ATTEMPTS     6
#define FAILED_IN_A_ROW      3
#define PREPARED_AHEAD_LEAST 16
#define JUST_ENDING          16 /* have a dead letter that is not committed yet */

/* ---- what is under way ---- */

/* By kind at most so many, where `object_tasks` are asked for at a time. */
static int32_t at_most(const struct sim *sim, enum bs_object_work work)
{
    int32_t part = sim->options.core.object_tasks / (work == BS_OBJECT_PROBE ? 2 : 4);
    return part < 1 ? 1 : part;
}

/* Copies take room: no more are made ahead than the next moments submit. */
static void judge_prepared(struct sim *sim, const struct sim_worker *worker)
{
    int32_t enough = 2 * sim->options.core.connections, count = 0;
    enough = enough < PREPARED_AHEAD_LEAST ? PREPARED_AHEAD_LEAST : enough;
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        const struct sim_job *job = &sim->jobs[i];
        const struct sim_flow *flow = &worker->flows[job->partition];
        struct sim_owner owner = {worker->index, worker->life, flow->epoch};
        count += flow->assigned && sim_same_owner(job->prepared_by, owner) && !sim_job_ended(job);
    }
    if (count > enough + JUST_ENDING) {
        sim_fail(sim, NULL, "w%" PRId32 " has prepared %" PRId32 " jobs ahead of their submission",
                 worker->index, count);
    }
}

void sim_observe_object(struct sim *sim, struct sim_worker *worker, const struct bs_action *action)
{
    const struct bs_operation *operation = action->operation;
    enum bs_object_work work = action->work;
    worker->asked = (struct sim_asked){
        .job = sim_job_at(sim, operation->partition, operation->offset),
        .owner = {worker->index, worker->life, action->operation_epoch},
        .work = work,
    };
    if (worker->asked.job == NULL || !sim->options.store) {
        sim_fail(sim, worker->asked.job, "the object store is asked for what there is not");
    }
    if (++worker->objects_under_way[work] > at_most(sim, work)) {
        sim_fail(sim, worker->asked.job, "%" PRId32 " tasks of the kind %s are under way",
                 worker->objects_under_way[work], bs_object_work_name(work));
    }
    if (work == BS_OBJECT_PROBE || work == BS_OBJECT_STAGE) {
        judge_prepared(sim, worker);
    }
}

/* Of a copy that is left: before its own deletion has failed often enough, only while those of all
 * fail. */
void sim_observe_notice(struct sim *sim, const struct sim_worker *worker,
                        const struct bs_notice *notice)
{
    const struct bs_operation *operation =
        bs_core_operation(worker->process.core, notice->operation);
    if (operation == NULL || strncmp(notice->text, "the staged copy stays", 21) != 0) {
        return;
    }
    const struct sim_job *job = sim_job_at(sim, operation->partition, operation->offset);
    struct sim_owner owner = {worker->index, worker->life, operation->epoch};
    struct sim_deletions *tried = sim_deletions_of(&sim->put[job->index].copy, owner);
    tried->given_up = worker->deletions_failed >= FAILED_IN_A_ROW;
}

void sim_observe_object_answer(struct sim *sim, struct sim_worker *worker,
                               const struct bs_event *event)
{
    if (event->object.work == BS_OBJECT_UNSTAGE) {
        bool failed = event->object.answer.outcome == BS_OBJECT_TEMPORARY;
        worker->deletions_failed = failed ? worker->deletions_failed + 1 : 0;
    }
    const struct bs_operation *operation =
        bs_core_operation(worker->process.core, event->object.operation);
    enum bs_object_work work = event->object.work;
    bool ready = event->object.answer.outcome == BS_OBJECT_DONE &&
                 (work == BS_OBJECT_STAGE ||
                  (work == BS_OBJECT_PROBE && !event->object.answer.stage_wanted));
    struct sim_job *job =
        operation == NULL ? NULL : sim_job_at(sim, operation->partition, operation->offset);
    if (work == BS_OBJECT_STORE) {
        sim_observe_memory(sim, worker);
    }
    if (ready && job != NULL) {
        job->prepared_by = (struct sim_owner){worker->index, worker->life, operation->epoch};
    }
}

/* ---- submissions ---- */

bool sim_needs_copy(const struct sim *sim, const struct sim_job *job)
{
    return job->audio.kind == SIM_WAV && sim_recording_is_looked_into(&sim->options, &job->audio);
}

static void add_link(const struct sim_stored *stored, char *link, size_t size)
{
    (void)snprintf(link, size, "https://storage.yandexcloud.net/%s", stored->name);
}

static const char *copy_problem(struct sim *sim, const struct sim_request *request,
                                const struct sim_job *job)
{
    const struct sim_stored *copy = &sim->put[job->index].copy;
    struct sim_owner owner = {request->worker, request->life, request->epoch};
    char wanted[128];
    (void)snprintf(wanted, sizeof wanted,
                   "\"audioEncoding\":\"LINEAR16_PCM\",\"sampleRateHertz\":%" PRIu32
                   ",\"audioChannelCount\":%" PRId32,
                   job->audio.rate, job->audio.channels);
    if (strstr(request->body, wanted) == NULL) {
        return "its copy is submitted as something else than it is";
    }
    if (!copy->stands) {
        /* A deletion by who owned it before may arrive at any time. */
        bool anothers = copy->deleted_by.life != 0 && !sim_same_owner(copy->deleted_by, owner);
        return anothers ? NULL : "its copy is submitted and does not stand";
    }
    struct bs_bytes bytes = {.data = copy->bytes.data, .size = copy->bytes.size};
    return sim_recording_is_copy(&job->audio, bytes) ? NULL : "its copy is not its sound";
}

void sim_judge_link(struct sim *sim, const struct sim_request *request, const char *link)
{
    struct sim_job *job = request->job;
    job->prepared_by = (struct sim_owner){0};
    char staged[256] = "";
    if (sim_recording_refusal(&sim->options, &job->audio) != BS_DEAD_NONE) {
        sim_fail(sim, job, "it is submitted though a look would have refused it");
        return;
    }
    bool copy = sim_needs_copy(sim, job);
    if (copy) {
        add_link(&sim->put[job->index].copy, staged, sizeof staged);
    }
    if (strcmp(link, copy ? staged : job->uri) != 0) {
        sim_fail(sim, job, "another link than its own is submitted: %s", link);
        return;
    }
    const char *problem = copy ? copy_problem(sim, request, job) : NULL;
    if (problem != NULL) {
        sim_fail(sim, job, "%s", problem);
    } else if (copy) {
        sim_seen(sim, SIM_STAGED_SUBMITTED);
    }
}

/* ---- transcripts ---- */

/* The whole result, as it was put. */
static const char *whole_problem(const struct sim_job *job, struct bs_bytes packed)
{
    struct bs_buffer plain = {0};
    if (!bs_gunzip(packed, TRANSCRIPT_MAX, &plain)) {
        bs_buffer_free(&plain);
        return "its transcript is not gzip";
    }
    cJSON *result = cJSON_ParseWithLength((const char *)plain.data, plain.size);
    const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(result, "id"));
    bool whole = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(result, "chunks")) ==
                     job->audio.channels &&
                 id != NULL && strcmp(id, job->id_text) == 0;
    cJSON_Delete(result);
    bs_buffer_free(&plain);
    return whole ? NULL : "its transcript is not its whole result";
}

static bool has_hash(const struct bs_buffer *bytes, const char *sha256)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    char hex[2 * SHA256_DIGEST_LENGTH + 1];
    (void)SHA256(bytes->data, bytes->size, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
    return sha256 != NULL && strcmp(hex, sha256) == 0;
}

static const struct sim_stored *find_transcript(const struct sim *sim, const struct sim_job *job,
                                                const char *uri)
{
    const struct sim_stored *stored = sim->put[job->index].transcripts;
    if (uri == NULL || strncmp(uri, "s3://", 5) != 0) {
        return NULL;
    }
    while (stored != NULL && strcmp(stored->name, uri + 5) != 0) {
        stored = stored->next;
    }
    return stored;
}

const char *sim_transcript_problem(struct sim *sim, const struct sim_job *job,
                                   const cJSON *transcript)
{
    const char *uri = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(transcript, "uri"));
    const char *hash = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(transcript, "sha256"));
    const cJSON *size = cJSON_GetObjectItemCaseSensitive(transcript, "sizeBytes");
    const struct sim_stored *stored = find_transcript(sim, job, uri);
    if (stored == NULL || !stored->stands) {
        return "its result names a transcript that does not stand";
    }
    if (!cJSON_IsNumber(size) || (size_t)size->valuedouble != stored->bytes.size ||
        !has_hash(&stored->bytes, hash)) {
        return "its result names another transcript than stands";
    }
    return whole_problem(job, (struct bs_bytes){stored->bytes.data, stored->bytes.size});
}

/* ---- the end ---- */

/* A copy may be left only by a failure that nobody who knew of it could mend. */
static void judge_copy(struct sim *sim, const struct sim_job *job)
{
    struct sim_stored *copy = &sim->put[job->index].copy;
    struct sim_owner ended_by = job->ended_by;
    if (!copy->stands) {
        return;
    }
    const struct sim_deletions *tried = sim_deletions_of(copy, ended_by);
    if (tried->refused > 0 || tried->failed >= UNSTAGE_ATTEMPTS || tried->given_up) {
        sim_seen(sim, SIM_COPY_KEPT);
    } else if (sim_same_owner(copy->put_by, ended_by)) {
        sim_fail(sim, job, "its copy stays, and who put it has published its end");
    } else if (tried->done > 0) {
        sim_seen(sim, SIM_COPY_LATE);
    } else if (job->staged_at_end) {
        sim_fail(sim, job, "its copy stays, of which its record told");
    } else if (job->results > 0) {
        sim_fail(sim, job, "its copy stays, and another was submitted"); /* under the same name */
    } else {
        sim_seen(sim, SIM_COPY_LEFT);
    }
}

/* Whether one that was put has these bytes; a result names it by them. */
static bool still_stands(const struct sim *sim, const struct sim_job *job)
{
    const struct sim_stored *stored = sim->put[job->index].transcripts;
    while (stored != NULL && !has_hash(&stored->bytes, job->transcript)) {
        stored = stored->next;
    }
    return stored != NULL;
}

void sim_observe_copies(struct sim *sim)
{
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        const struct sim_job *job = &sim->jobs[i];
        const struct sim_stored *newest = sim->put[i].transcripts;
        if (job->results + job->dead_letters > 0) {
            judge_copy(sim, job);
        }
        if (job->transcript[0] != '\0' && !still_stands(sim, job)) {
            sim_fail(sim, job, "the transcript that its result names was replaced by another");
        }
        if (newest != NULL && newest->next != NULL) {
            sim_seen(sim, SIM_STORED_ANEW);
        }
    }
}
