#include "recognition.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audio.h"
#include "base/list.h"
#include "decoder.h"

#define THREADS_MAX 64
#define SECONDS_MAX 14400 /* the service's limit */

/* A recording on its way: in `waiting`, with a thread, in `heard`. */
struct recording {
    struct bs_link link;
    enum encoding encoding;
    int32_t sample_rate;
    int32_t channels;
    const char *uri;
    struct recognised outcome;
};

struct recognition {
    const struct store *store;
    bool hears; /* else recordings are only read */
    struct decoder_choices choices;
    int bell;
    pthread_t threads[THREADS_MAX];
    int64_t thread_count;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t added;
    struct bs_list waiting;
    struct bs_list heard;
    bool stopping;
};

static void hear(struct decoders *decoders, const char *path, struct recording *recording)
{
    struct recognised *outcome = &recording->outcome;
    struct transcript *transcript = calloc(1, sizeof *transcript);
    BS_ASSERT(transcript != NULL);
    struct audio audio;
    enum bs_error_code code = audio_read(path, recording->encoding, recording->sample_rate,
                                         recording->channels, &audio, &outcome->error);
    if (code == BS_OK) {
        code = decoders_hear(decoders, recording->uri, &audio, transcript, &outcome->error);
    }
    audio_free(&audio);
    if (code == BS_OK) {
        outcome->transcript = transcript;
    } else {
        transcript_free(transcript);
        free(transcript);
    }
}

/* What is too long is refused by its size where that tells. */
static bool too_long(const struct recording *recording, int64_t size)
{
    return recording->encoding == ENCODING_LPCM &&
           size / 2 / recording->channels / recording->sample_rate > SECONDS_MAX;
}

static void process(struct recognition *recognition, struct decoders *decoders,
                    struct recording *recording)
{
    struct recognised *outcome = &recording->outcome;
    struct recording_file file;
    enum bs_error_code code =
        recording_read(recognition->store, recording->uri, &file, &outcome->error);
    outcome->size = file.size;
    memcpy(outcome->sha256, file.sha256, sizeof outcome->sha256);
    if (code == BS_OK && too_long(recording, file.size)) {
        bs_error_set(&outcome->error, BS_ERROR_INVALID, "the audio is longer than 4 hours");
    } else if (code == BS_OK && recognition->hears) {
        hear(decoders, file.path, recording);
    }
    recording_free(&file);
}

/* The next recording that waits; NULL when it is time to stop. The lock is held. */
static struct recording *next_waiting(struct recognition *recognition)
{
    while (!recognition->stopping && bs_list_empty(&recognition->waiting)) {
        pthread_cond_wait(&recognition->added, &recognition->lock);
    }
    if (recognition->stopping) {
        return NULL;
    }
    struct bs_link *link = bs_list_first(&recognition->waiting);
    bs_list_remove(link);
    return BS_CONTAINER_OF(link, struct recording, link);
}

static void *run_thread(void *context)
{
    struct recognition *recognition = context;
    struct decoders *decoders = decoders_create(&recognition->choices);
    struct recording *recording;
    pthread_mutex_lock(&recognition->lock);
    while ((recording = next_waiting(recognition)) != NULL) {
        pthread_mutex_unlock(&recognition->lock);
        process(recognition, decoders, recording);
        pthread_mutex_lock(&recognition->lock);
        bs_list_append(&recognition->heard, &recording->link);
        uint64_t one = 1;
        (void)!write(recognition->bell, &one, sizeof one); /* full only if it rings already */
    }
    pthread_mutex_unlock(&recognition->lock);
    decoders_destroy(decoders);
    return NULL;
}

struct recognition *recognition_create(const struct store *store, const char *decoders_path,
                                       int64_t threads, int bell, struct bs_error *error)
{
    struct recognition *recognition = calloc(1, sizeof *recognition);
    BS_ASSERT(recognition != NULL);
    recognition->store = store;
    recognition->hears = decoders_path != NULL;
    recognition->bell = bell;
    bs_list_init(&recognition->waiting);
    bs_list_init(&recognition->heard);
    pthread_mutex_init(&recognition->lock, NULL);
    pthread_cond_init(&recognition->added, NULL);
    if (recognition->hears &&
        decoder_choices_read(decoders_path, &recognition->choices, error) != BS_OK) {
        recognition_destroy(recognition);
        return NULL;
    }
    while (recognition->thread_count < threads && recognition->thread_count < THREADS_MAX) {
        int failed = pthread_create(&recognition->threads[recognition->thread_count], NULL,
                                    run_thread, recognition);
        BS_ASSERT(failed == 0);
        recognition->thread_count++;
    }
    return recognition;
}

static void free_recordings(struct bs_list *list)
{
    struct bs_link *next;
    for (struct bs_link *link = bs_list_first(list); link != NULL; link = next) {
        struct recording *recording = BS_CONTAINER_OF(link, struct recording, link);
        next = bs_list_next(list, link);
        if (recording->outcome.transcript != NULL) {
            transcript_free(recording->outcome.transcript);
            free(recording->outcome.transcript);
        }
        free(recording);
    }
}

void recognition_destroy(struct recognition *recognition)
{
    pthread_mutex_lock(&recognition->lock);
    recognition->stopping = true;
    pthread_cond_broadcast(&recognition->added);
    pthread_mutex_unlock(&recognition->lock);
    for (int64_t i = 0; i < recognition->thread_count; i++) {
        pthread_join(recognition->threads[i], NULL);
    }
    free_recordings(&recognition->waiting);
    free_recordings(&recognition->heard);
    decoder_choices_free(&recognition->choices);
    pthread_cond_destroy(&recognition->added);
    pthread_mutex_destroy(&recognition->lock);
    free(recognition);
}

void recognition_add(struct recognition *recognition, struct operation *operation)
{
    struct recording *recording = calloc(1, sizeof *recording);
    BS_ASSERT(recording != NULL);
    recording->encoding = operation->encoding;
    recording->sample_rate = operation->sample_rate;
    recording->channels = operation->channels;
    recording->uri = operation->uri->text;
    recording->outcome.operation = operation;
    pthread_mutex_lock(&recognition->lock);
    bs_list_append(&recognition->waiting, &recording->link);
    pthread_cond_signal(&recognition->added);
    pthread_mutex_unlock(&recognition->lock);
}

bool recognition_take(struct recognition *recognition, struct recognised *out)
{
    pthread_mutex_lock(&recognition->lock);
    struct bs_link *link = bs_list_first(&recognition->heard);
    if (link != NULL) {
        bs_list_remove(link);
    }
    pthread_mutex_unlock(&recognition->lock);
    if (link == NULL) {
        return false;
    }
    struct recording *recording = BS_CONTAINER_OF(link, struct recording, link);
    *out = recording->outcome;
    free(recording);
    return true;
}
