#include "decoder.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <pocketsphinx.h>
#include <sphinxbase/err.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"

#define MODEL_RATE        16000
#define FRAMES_PER_SECOND 100 /* PocketSphinx's default */

struct decoders {
    const struct decoder_choices *choices;
    ps_decoder_t **list; /* by choice; NULL = not made yet */
};

/* ---- choices ----------------------------------------------------------------------------------
 */

static char *copy_text(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(item) ? strdup(item->valuestring) : NULL;
}

static bool read_choice(const cJSON *object, struct decoder_choice *choice)
{
    static const char *const grammars[] = {"lm", "jsgf", "fsg"};
    choice->uri = copy_text(object, "uri");
    choice->hmm = copy_text(object, "hmm");
    choice->dict = copy_text(object, "dict");
    for (int kind = GRAMMAR_LM; kind <= GRAMMAR_FSG && choice->grammar == NULL; kind++) {
        choice->grammar = copy_text(object, grammars[kind]);
        choice->kind = (enum grammar)kind;
    }
    return choice->uri != NULL && choice->hmm != NULL && choice->dict != NULL &&
           choice->grammar != NULL;
}

enum bs_error_code decoder_choices_read(const char *path, struct decoder_choices *choices,
                                        struct bs_error *error)
{
    size_t size = 0;
    char *json = file_read(path, &size);
    cJSON *document = json == NULL ? NULL : cJSON_ParseWithLength(json, size);
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(document, "decoders");
    free(json);
    *choices = (struct decoder_choices){0};
    choices->list = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *choices->list);
    BS_ASSERT(choices->list != NULL);
    bool well = cJSON_IsArray(list) && list->child != NULL;
    for (const cJSON *item = well ? list->child : NULL; item != NULL && well; item = item->next) {
        well = read_choice(item, &choices->list[choices->count++]);
    }
    cJSON_Delete(document);
    if (!well) {
        decoder_choices_free(choices);
        return bs_error_set(error, BS_ERROR_INVALID,
                            "%s: decoders with uri, hmm, dict and lm, jsgf or fsg were expected",
                            path);
    }
    return BS_OK;
}

void decoder_choices_free(struct decoder_choices *choices)
{
    for (size_t i = 0; i < choices->count; i++) {
        free(choices->list[i].uri);
        free(choices->list[i].hmm);
        free(choices->list[i].dict);
        free(choices->list[i].grammar);
    }
    free(choices->list);
    *choices = (struct decoder_choices){0};
}

/* ---- decoders ---------------------------------------------------------------------------------
 */

struct decoders *decoders_create(const struct decoder_choices *choices)
{
    struct decoders *decoders = calloc(1, sizeof *decoders);
    BS_ASSERT(decoders != NULL);
    decoders->choices = choices;
    decoders->list = calloc(choices->count + 1, sizeof(ps_decoder_t *));
    BS_ASSERT(decoders->list != NULL);
    err_set_logfp(NULL); /* its own log tells each step of the search */
    return decoders;
}

void decoders_destroy(struct decoders *decoders)
{
    for (size_t i = 0; i < decoders->choices->count; i++) {
        if (decoders->list[i] != NULL) {
            ps_free(decoders->list[i]);
        }
    }
    free(decoders->list);
    free(decoders);
}

static ps_decoder_t *make_decoder(const struct decoder_choice *choice)
{
    static const char *const grammars[] = {"-lm", "-jsgf", "-fsg"};
    cmd_ln_t *settings =
        cmd_ln_init(NULL, ps_args(), FALSE, "-hmm", choice->hmm, "-dict", choice->dict,
                    grammars[choice->kind], choice->grammar, "-samprate", "16000", NULL);
    if (settings == NULL) {
        return NULL;
    }
    ps_decoder_t *decoder = ps_init(settings);
    cmd_ln_free_r(settings);
    return decoder;
}

static ps_decoder_t *choose(struct decoders *decoders, const char *uri, struct bs_error *error)
{
    for (size_t i = 0; i < decoders->choices->count; i++) {
        const struct decoder_choice *choice = &decoders->choices->list[i];
        if (strstr(uri, choice->uri) == NULL) {
            continue;
        }
        if (decoders->list[i] == NULL) {
            decoders->list[i] = make_decoder(choice);
        }
        if (decoders->list[i] == NULL) {
            bs_error_set(error, BS_ERROR_INVALID, "the decoder for %s cannot be made: %s, %s, %s",
                         choice->uri, choice->hmm, choice->dict, choice->grammar);
        }
        return decoders->list[i];
    }
    bs_error_set(error, BS_ERROR_INVALID, "no decoder for this recording");
    return NULL;
}

/* ---- words ------------------------------------------------------------------------------------
 */

/* Silences, noises and the grammar's own marks are no words. */
static bool is_word(const char *text)
{
    return text != NULL && text[0] != '<' && text[0] != '[' && text[0] != '(' &&
           strncmp(text, "++", 2) != 0;
}

static void add_word(ps_decoder_t *decoder, ps_seg_t *segment, int channel,
                     struct transcript *transcript)
{
    const char *text = ps_seg_word(segment);
    if (!is_word(text)) {
        return;
    }
    int first = 0;
    int last = 0;
    ps_seg_frames(segment, &first, &last);
    int32 posterior = ps_seg_prob(segment, NULL, NULL, NULL);
    struct word *word = transcript_add(transcript);
    size_t length = strcspn(text, "("); /* "or(2)" is its second pronunciation */
    memcpy(word->text, text, length < WORD_SIZE ? length : WORD_SIZE - 1);
    word->start_ns = (int64_t)first * 1000000000 / FRAMES_PER_SECOND;
    word->end_ns = (int64_t)(last + 1) * 1000000000 / FRAMES_PER_SECOND - 1;
    word->confidence = fmin(1, logmath_exp(ps_get_logmath(decoder), posterior));
    word->channel = channel;
}

static bool hear_channel(ps_decoder_t *decoder, const int16_t *samples, size_t count, int channel,
                         struct transcript *transcript)
{
    /* A new stream forgets what the last recording has taught, so that their order does not
     * matter; the whole utterance at once lets the mean be taken over all of it. */
    if (ps_start_stream(decoder) != 0 || ps_start_utt(decoder) != 0) {
        return false;
    }
    bool heard = ps_process_raw(decoder, samples, count, FALSE, TRUE) >= 0;
    heard = ps_end_utt(decoder) == 0 && heard;
    if (!heard || ps_get_hyp(decoder, NULL) == NULL) {
        return heard;
    }
    for (ps_seg_t *segment = ps_seg_iter(decoder); segment != NULL;
         segment = ps_seg_next(segment)) {
        add_word(decoder, segment, channel, transcript);
    }
    return true;
}

enum bs_error_code decoders_hear(struct decoders *decoders, const char *uri, struct audio *audio,
                                 struct transcript *transcript, struct bs_error *error)
{
    ps_decoder_t *decoder = choose(decoders, uri, error);
    if (decoder == NULL) {
        return BS_ERROR_INVALID;
    }
    audio_resample(audio, MODEL_RATE);
    transcript->audio_seconds = (double)audio->sample_count / MODEL_RATE;
    for (int32_t channel = 0; channel < audio->channel_count; channel++) {
        if (!hear_channel(decoder, audio->channels[channel], audio->sample_count, channel + 1,
                          transcript)) {
            return bs_error_set(error, BS_ERROR_INVALID, "the recording could not be heard");
        }
    }
    return BS_OK;
}
