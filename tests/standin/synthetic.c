#include "synthetic.h"

#include <ctype.h>
#include <string.h>

#include "base/hash.h"

#define WORDS_A_CHUNK 12

static const char *const filler[] = {
    "да",     "нет",    "хорошо",  "сейчас", "номер",   "договор",  "спасибо", "подскажите",
    "оплата", "заявка", "алло",    "можно",  "завтра",  "доставка", "адрес",   "город",
    "улица",  "дом",    "секунду", "вижу",   "понятно", "конечно",  "звонок",  "пожалуйста",
};

/* The next run of letters and digits of `*at`; false at the end. */
static int next_name_word(const char **at, char text[WORD_SIZE])
{
    while (**at != '\0' && !isalnum((unsigned char)**at)) {
        (*at)++;
    }
    size_t length = 0;
    while (isalnum((unsigned char)**at)) {
        if (length < WORD_SIZE - 1) {
            text[length++] = (char)tolower((unsigned char)**at);
        }
        (*at)++;
    }
    text[length] = '\0';
    return length > 0;
}

/* Where the bucket begins: behind the scheme and the host. */
static const char *object_name(const char *uri)
{
    const char *host = strstr(uri, "://");
    const char *path = host == NULL ? uri : strchr(host + 3, '/');
    return path == NULL ? uri : path;
}

static void say(const char *name, uint64_t seed, int channel, int64_t words, int64_t step_ns,
                struct transcript *transcript)
{
    struct bs_random random = {.state = seed};
    const char *at = name;
    char text[WORD_SIZE];
    for (int64_t i = 0;; i++) {
        const char *said = text;
        if (!next_name_word(&at, text)) {
            if (i >= words) {
                return;
            }
            said = filler[bs_random_below(&random, sizeof filler / sizeof *filler)];
        }
        struct word *word = transcript_add(transcript);
        memcpy(word->text, said, strnlen(said, WORD_SIZE - 1));
        word->start_ns = i * step_ns + step_ns / 5;
        word->end_ns = (i + 1) * step_ns - 1;
        word->confidence = 1;
        word->channel = channel;
        word->chunk = (int)(i / WORDS_A_CHUNK);
    }
}

void synthetic_transcript(const char *uri, double audio_seconds, double words_per_minute,
                          int channels, struct transcript *transcript)
{
    int64_t words = (int64_t)(audio_seconds / 60 * words_per_minute);
    int64_t step_ns = (int64_t)(60e9 / words_per_minute);
    uint64_t seed = bs_hash64(0, uri, strlen(uri));
    transcript->audio_seconds = audio_seconds;
    for (int channel = 1; channel <= channels; channel++) {
        say(object_name(uri), seed + (uint64_t)channel, channel, words, step_ns, transcript);
    }
}
