/* Local recordings: looked into, put into the object store, and only then enqueued. What is there
 * already, byte by byte the same, is not sent again. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands/enqueue.h"
#include "commands/enqueue_folder.h"
#include "commands/worker.h"
#include "formats/digest.h"
#include "formats/job.h"
#include "formats/json.h"

#define THREADS                  4
#define HEAD_LIMIT_MS            15000
#define PUT_LEAST_MS             60000
#define PUT_LEAST_BYTES_A_SECOND 262144
#define PIECE_SIZE               262144
/* Of files that the store did not take, one after the other: it is down. */
#define HOPELESS      4
#define KEY_BYTES_MAX 1024 /* S3's own */

/* One file, while it is worked on. */
struct upload {
    struct bs_enqueue *enqueue;
    const struct bs_local_file *local;
    struct bs_object_name name;
    struct bs_buffer uri; /* with its NUL */
    int file;
    struct stat facts;
    int64_t sent;    /* bytes that progress knows of */
    bool unreadable; /* the file's own fault, whatever becomes of the request */
    char shown[600]; /* its path, for people: a name may hold anything */
};

/* ---- what is told ----------------------------------------------------------------------- */

/* A file that is not enqueued for a reason of its own. */
static void tell(struct upload *upload, int64_t *count, const char *code, const char *reason)
{
    struct bs_enqueue *enqueue = upload->enqueue;
    BS_ASSERT(pthread_mutex_lock(&enqueue->lock) == 0);
    (*count)++;
    bs_enqueue_progress_clear(enqueue);
    fprintf(stderr, "%s: %s%s%s\n", upload->shown, code, code[0] == '\0' ? "" : ": ", reason);
    BS_ASSERT(pthread_mutex_unlock(&enqueue->lock) == 0);
}

/* The store did not take it. What a person must mend, and a store that is down, end the run. */
static void tell_store(struct upload *upload, const struct bs_error *error)
{
    struct bs_enqueue *enqueue = upload->enqueue;
    if (bs_enqueue_interrupted()) {
        return;
    }
    if (upload->unreadable) {
        tell(upload, &enqueue->counts.wrong, "", "cannot be read, or changes");
        return;
    }
    tell(upload, &enqueue->counts.wrong, "", error->message);
    BS_ASSERT(pthread_mutex_lock(&enqueue->lock) == 0);
    if (error->code == BS_ERROR_DENIED || error->code == BS_ERROR_NOT_FOUND ||
        ++enqueue->store_failures >= HOPELESS) {
        enqueue->broken = true;
    }
    BS_ASSERT(pthread_mutex_unlock(&enqueue->lock) == 0);
}

static void note_store_answers(struct bs_enqueue *enqueue)
{
    BS_ASSERT(pthread_mutex_lock(&enqueue->lock) == 0);
    enqueue->store_failures = 0;
    BS_ASSERT(pthread_mutex_unlock(&enqueue->lock) == 0);
}

/* Another object is never replaced unasked: nobody has its bytes then. */
static void tell_another(struct upload *upload, const struct bs_object_facts *facts)
{
    struct bs_error error = BS_NO_ERROR;
    char modified[BS_RFC3339_SIZE];
    bs_rfc3339_format(facts->modified, modified);
    (void)bs_error_set(&error, BS_ERROR_INVALID,
                       "another object stands there (%" PRId64 " bytes, changed %s): not "
                       "replaced; give --replace, or another prefix",
                       facts->size_bytes, modified);
    tell(upload, &upload->enqueue->counts.wrong, "", error.message);
    note_store_answers(upload->enqueue);
}

static void note_bytes(struct upload *upload, int64_t upto)
{
    if (upto > upload->sent) {
        atomic_fetch_add(&upload->enqueue->progress.bytes, upto - upload->sent);
        upload->sent = upto;
    }
}

/* ---- a look ----------------------------------------------------------------------------- */

/* True when the service would take it; else it was told or counted. */
static bool look(struct upload *upload)
{
    struct bs_enqueue *enqueue = upload->enqueue;
    struct bs_manifest_job job = {0};
    struct bs_error error = BS_NO_ERROR;
    struct bs_enqueue_look seen;
    const struct bs_manifest_entry entry = {
        .text = {.data = upload->uri.data, .size = upload->uri.size - 1},
        .version = "",
        .size_bytes = upload->facts.st_size};
    const struct bs_enqueue_source source = {
        .config = enqueue->config, .file = upload->file, .file_size = upload->facts.st_size};
    if (strlen(upload->name.key) > KEY_BYTES_MAX) {
        tell(upload, &enqueue->counts.wrong, "", "its key would be longer than 1024 bytes");
        return false;
    }
    if (!bs_manifest_job(&entry, &enqueue->defaults, &job, &error)) {
        tell(upload, &enqueue->counts.wrong, "", "its name is no object's key");
        return false;
    }
    bs_enqueue_look(&source, (struct bs_bytes){job.key.data, job.key.size},
                    (struct bs_bytes){job.value.data, job.value.size}, &seen);
    bs_manifest_job_free(&job);
    bool sound = seen.looked && seen.format != BS_AUDIO_UNKNOWN && seen.format != BS_AUDIO_EMPTY;
    if (seen.looked && !sound && !upload->local->named &&
        !bs_local_file_is_audio(upload->local->name)) {
        BS_ASSERT(pthread_mutex_lock(&enqueue->lock) == 0);
        enqueue->counts.passed_over++;
        BS_ASSERT(pthread_mutex_unlock(&enqueue->lock) == 0);
        return false;
    }
    if (enqueue->dry_run) {
        bs_estimate_add_local(&enqueue->estimate, upload->shown, &seen);
        BS_ASSERT(pthread_mutex_lock(&enqueue->lock) == 0);
        enqueue->counts.jobs += !seen.failed && seen.refusal == BS_DEAD_NONE;
        BS_ASSERT(pthread_mutex_unlock(&enqueue->lock) == 0);
    } else if (seen.failed) {
        tell(upload, &enqueue->counts.wrong, "", seen.message);
    } else if (seen.refusal != BS_DEAD_NONE) {
        tell(upload, &enqueue->counts.refused, bs_dead_letter_code_name(seen.refusal),
             seen.message);
    }
    return !seen.failed && seen.refusal == BS_DEAD_NONE;
}

/* ---- sending ---------------------------------------------------------------------------- */

static int64_t read_piece(void *context, int64_t offset, uint8_t *bytes, size_t room)
{
    struct upload *upload = context;
    int64_t left = upload->facts.st_size - offset;
    size_t wanted = left < (int64_t)room ? (size_t)left : room;
    ssize_t size = bs_enqueue_interrupted() ? -1 : pread(upload->file, bytes, wanted, offset);
    if (size <= 0) {
        upload->unreadable = true;
        return -1; /* it has become shorter, too */
    }
    note_bytes(upload, offset + size);
    return size;
}

static bool hash(struct upload *upload, struct bs_digests *digests)
{
    uint8_t *piece = malloc(PIECE_SIZE);
    struct bs_digest *digest = bs_digest_begin();
    int64_t offset = 0;
    ssize_t size = 1;
    BS_ASSERT(piece != NULL);
    while (offset < upload->facts.st_size && size > 0 && !bs_enqueue_interrupted()) {
        size = pread(upload->file, piece, PIECE_SIZE, offset);
        if (size > 0) {
            bs_digest_add(digest, piece, (size_t)size);
            offset += size;
        }
    }
    bs_digest_end(digest, digests);
    free(piece);
    return offset == upload->facts.st_size;
}

/* Whether what the store has is this file. */
static bool same(const struct upload *upload, const struct bs_object_facts *facts,
                 const struct bs_digests *digests)
{
    if (facts->size_bytes != upload->facts.st_size) {
        return false;
    }
    return facts->sha256[0] != '\0'
               ? strcasecmp(facts->sha256, digests->sha256) == 0
               : digests->md5[0] != '\0' && strcasecmp(facts->etag, digests->md5) == 0;
}

static const char *content_type(const char *name)
{
    static const struct {
        const char *extension, *type;
    } known[] = {{".ogg", "audio/ogg"},
                 {".opus", "audio/ogg"},
                 {".oga", "audio/ogg"},
                 {".mp3", "audio/mpeg"},
                 {".wav", "audio/wav"}};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && i < sizeof known / sizeof *known; i++) {
        if (strcasecmp(dot, known[i].extension) == 0) {
            return known[i].type;
        }
    }
    return "application/octet-stream";
}

static bool unchanged(const struct upload *upload)
{
    struct stat now;
    return fstat(upload->file, &now) == 0 && now.st_size == upload->facts.st_size &&
           now.st_mtim.tv_sec == upload->facts.st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == upload->facts.st_mtim.tv_nsec;
}

/* Puts it unless it is there, or another is; `facts` are the object's then. False: told. */
static bool send(struct upload *upload, struct bs_object_facts *facts)
{
    struct bs_enqueue *enqueue = upload->enqueue;
    struct bs_error error = BS_NO_ERROR;
    struct bs_digests digests;
    if (!hash(upload, &digests)) {
        if (!bs_enqueue_interrupted()) {
            tell(upload, &enqueue->counts.wrong, "", "cannot be read, or changes");
        }
        return false;
    }
    enum bs_error_code code =
        bs_objects_head(enqueue->objects, &upload->name, HEAD_LIMIT_MS, facts, &error);
    if (code == BS_OK && same(upload, facts, &digests)) {
        note_bytes(upload, upload->facts.st_size);
        atomic_fetch_add(&enqueue->already_there, 1);
        return true;
    }
    if (code == BS_OK && !enqueue->replace) {
        tell_another(upload, facts);
        return false;
    }
    if (code != BS_OK && code != BS_ERROR_NOT_FOUND) {
        tell_store(upload, &error);
        return false;
    }
    int64_t limit_ms =
        PUT_LEAST_MS + (int64_t)upload->facts.st_size * 1000 / PUT_LEAST_BYTES_A_SECOND;
    code =
        bs_objects_put(enqueue->objects, &upload->name, content_type(upload->local->name),
                       upload->facts.st_size, digests.sha256, limit_ms, read_piece, upload, &error);
    if (!unchanged(upload)) {
        tell(upload, &enqueue->counts.wrong, "",
             "changed while it was sent: give it again with --replace");
        return false;
    }
    if (code == BS_OK) {
        code = bs_objects_head(enqueue->objects, &upload->name, HEAD_LIMIT_MS, facts, &error);
    }
    if (code != BS_OK) {
        tell_store(upload, &error);
        return false;
    }
    return true;
}

/* ---- one file --------------------------------------------------------------------------- */

static void enqueue_file(struct upload *upload)
{
    struct bs_enqueue *enqueue = upload->enqueue;
    struct bs_object_facts facts = {0};
    if (!look(upload) || enqueue->dry_run || !send(upload, &facts)) {
        return;
    }
    note_store_answers(enqueue);
    const struct bs_manifest_entry entry = {
        .text = {.data = upload->uri.data, .size = upload->uri.size - 1},
        .version = facts.etag,
        .size_bytes = facts.size_bytes,
        .modified = upload->local->modified};
    (void)bs_enqueue_take(enqueue, &entry);
}

static bool given_up(struct bs_enqueue *enqueue)
{
    BS_ASSERT(pthread_mutex_lock(&enqueue->lock) == 0);
    bool broken = enqueue->broken;
    BS_ASSERT(pthread_mutex_unlock(&enqueue->lock) == 0);
    return broken || bs_enqueue_interrupted();
}

static void run(void *context, void *item)
{
    struct bs_enqueue *enqueue = context;
    struct upload upload = {.enqueue = enqueue, .local = item};
    if (given_up(enqueue)) {
        return;
    }
    bs_utf8_copy_cut(upload.local->path, strlen(upload.local->path), upload.shown,
                     sizeof upload.shown);
    bs_object_name_below(enqueue->upload_to, upload.local->name, &upload.name);
    bs_object_name_uri(&upload.name, &upload.uri);
    upload.file = open(upload.local->path, O_RDONLY | O_CLOEXEC);
    if (upload.file < 0 || fstat(upload.file, &upload.facts) != 0) {
        tell(&upload, &enqueue->counts.wrong, "", strerror(errno));
    } else {
        enqueue_file(&upload);
    }
    if (upload.file >= 0) {
        (void)close(upload.file);
    }
    if (!bs_enqueue_interrupted()) {
        note_bytes(&upload, upload.local->size_bytes);
        atomic_fetch_add(&enqueue->progress.done, 1);
    }
    bs_buffer_free(&upload.uri);
    bs_object_name_free(&upload.name);
}

/* ---- all of them ------------------------------------------------------------------------ */

static bool wanted(struct bs_enqueue *enqueue, const struct bs_local_file *local)
{
    struct bs_object_name name;
    bs_object_name_below(enqueue->upload_to, local->name, &name);
    bool fits = bs_enqueue_fits(&enqueue->filter, name.key, local->modified);
    bs_object_name_free(&name);
    enqueue->counts.filtered += !fits;
    return fits;
}

static void upload_all(struct bs_enqueue *enqueue, struct bs_local_files *files)
{
    struct bs_crew *crew = bs_crew_create(THREADS, run, enqueue);
    size_t count = 0;
    for (size_t i = 0; i < files->count; i++) {
        if (wanted(enqueue, &files->list[i]) &&
            (enqueue->limit == 0 || (int64_t)count < enqueue->limit)) {
            struct bs_local_file swapped = files->list[count];
            files->list[count++] = files->list[i];
            files->list[i] = swapped;
            atomic_fetch_add(&enqueue->progress.bytes_total, files->list[count - 1].size_bytes);
        }
    }
    atomic_store(&enqueue->progress.total, (int64_t)count);
    for (size_t i = 0; i < count && !given_up(enqueue); i++) {
        bs_crew_give(crew, &files->list[i]);
    }
    bs_crew_finish(crew);
}

int bs_enqueue_from_files(struct bs_enqueue *enqueue, char **paths, int count)
{
    struct bs_local_files files = {0};
    bool good = true;
    for (int i = 0; i < count; i++) {
        good = bs_local_files_add(&files, paths[i]) && good;
    }
    const char *twice = good ? bs_local_files_sort(&files) : NULL;
    if (twice != NULL) {
        bs_enqueue_say("two of the files would both become %s below %s", twice, enqueue->upload_to);
        good = false;
    }
    enqueue->counts.passed_over = files.passed_over;
    enqueue->counts.wrong = files.unreadable;
    if (good) {
        upload_all(enqueue, &files);
    }
    bs_local_files_free(&files);
    return good ? BS_EXIT_OK : BS_EXIT_USAGE;
}
