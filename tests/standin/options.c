#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: backscribe-standin [OPTION]...\n"
    "Stands in for SpeechKit's asynchronous recognition (API v2), and for IAM's tokens.\n"
    "\n"
    "  --listen HOST:PORT            an IPv4 address; port 0 = any free one (127.0.0.1:0)\n"
    "  --objects DIR                 serve DIR/<bucket>/<key> as /<bucket>/<key>\n"
    "  --objects http://HOST:PORT    recordings are read from that object store by GET, also when\n"
    "                                transcripts are made up; one that is not there fails\n"
    "  --objects-key-file FILE       its static key (JSON: access_key_id, secret_access_key)\n"
    "  --objects-token-file FILE     or its bearer token\n"
    "  --objects-region NAME         of the signature (ru-central1)\n"
    "  --synthetic                   make transcripts up from the names (the default)\n"
    "  --recognise                   really recognise the recordings of --objects\n"
    "  --decoders FILE               which decoder hears which recording (JSON)\n"
    "  --recognisers N               threads that recognise (1)\n"
    "  --duration-ms D               how long an operation takes at least (1000); D is N,\n"
    "                                uniform:FROM:TO or lognormal:MEDIAN:SIGMA\n"
    "  --deferred-ms D               on top of it for the deferred models (0)\n"
    "  --seconds-per-audio-minute X  on top of it (0)\n"
    "  --audio-seconds D             length of a made-up recording (30)\n"
    "  --words-per-minute N          of a made-up recording (120)\n"
    "  --retention-seconds N         results are kept so long (259200)\n"
    "  --window-seconds N            of the quotas (3600)\n"
    "  --submissions-quota N         in any window, refused ones too; 0 = none (0)\n"
    "  --checks-quota N              the same for status checks (0)\n"
    "  --retry-after SECONDS         told with 429; 0 = not told (0)\n"
    "  --accept-models LIST          separated by commas; * = any (the documented ones)\n"
    "  --api-key-file FILE           the key to ask for; read again when it changes\n"
    "  --token-seconds N             how long an IAM token lives (43200)\n"
    "  --faults JSON|@FILE           what goes wrong from the start (README.md)\n"
    "  --log FILE                    append one JSON line for each arrival\n"
    "  --seed N                      of durations and faults (1)\n"
    "  --ids-seed N                  of the operations' ids; 0 = others in each run (0)\n"
    "  --milliseconds                in createdAt and modifiedAt, which have whole seconds else\n"
    "  --help\n"
    "\n"
    "Prints \"listening on HOST:PORT\" and \"control on HOST:PORT\" once it serves.\n";

enum option_code {
    OPTION_LISTEN = 256,
    OPTION_OBJECTS,
    OPTION_OBJECTS_KEY_FILE,
    OPTION_OBJECTS_TOKEN_FILE,
    OPTION_OBJECTS_REGION,
    OPTION_SYNTHETIC,
    OPTION_RECOGNISE,
    OPTION_DECODERS,
    OPTION_RECOGNISERS,
    OPTION_DURATION_MS,
    OPTION_DEFERRED_MS,
    OPTION_SECONDS_PER_AUDIO_MINUTE,
    OPTION_AUDIO_SECONDS,
    OPTION_WORDS_PER_MINUTE,
    OPTION_RETENTION_SECONDS,
    OPTION_WINDOW_SECONDS,
    OPTION_SUBMISSIONS_QUOTA,
    OPTION_CHECKS_QUOTA,
    OPTION_RETRY_AFTER,
    OPTION_ACCEPT_MODELS,
    OPTION_API_KEY_FILE,
    OPTION_TOKEN_SECONDS,
    OPTION_FAULTS,
    OPTION_LOG,
    OPTION_SEED,
    OPTION_IDS_SEED,
    OPTION_MILLISECONDS,
    OPTION_HELP,
};

static const struct option_name {
    const char *name;
    enum option_code option;
    bool has_value;
} option_names[] = {
    {"listen", OPTION_LISTEN, true},
    {"objects", OPTION_OBJECTS, true},
    {"objects-key-file", OPTION_OBJECTS_KEY_FILE, true},
    {"objects-token-file", OPTION_OBJECTS_TOKEN_FILE, true},
    {"objects-region", OPTION_OBJECTS_REGION, true},
    {"synthetic", OPTION_SYNTHETIC, false},
    {"recognise", OPTION_RECOGNISE, false},
    {"decoders", OPTION_DECODERS, true},
    {"recognisers", OPTION_RECOGNISERS, true},
    {"duration-ms", OPTION_DURATION_MS, true},
    {"deferred-ms", OPTION_DEFERRED_MS, true},
    {"seconds-per-audio-minute", OPTION_SECONDS_PER_AUDIO_MINUTE, true},
    {"audio-seconds", OPTION_AUDIO_SECONDS, true},
    {"words-per-minute", OPTION_WORDS_PER_MINUTE, true},
    {"retention-seconds", OPTION_RETENTION_SECONDS, true},
    {"window-seconds", OPTION_WINDOW_SECONDS, true},
    {"submissions-quota", OPTION_SUBMISSIONS_QUOTA, true},
    {"checks-quota", OPTION_CHECKS_QUOTA, true},
    {"retry-after", OPTION_RETRY_AFTER, true},
    {"accept-models", OPTION_ACCEPT_MODELS, true},
    {"api-key-file", OPTION_API_KEY_FILE, true},
    {"token-seconds", OPTION_TOKEN_SECONDS, true},
    {"faults", OPTION_FAULTS, true},
    {"log", OPTION_LOG, true},
    {"seed", OPTION_SEED, true},
    {"ids-seed", OPTION_IDS_SEED, true},
    {"milliseconds", OPTION_MILLISECONDS, false},
    {"help", OPTION_HELP, false},
};

#define OPTION_COUNT (sizeof option_names / sizeof *option_names)

static bool read_number(const char *text, double *number)
{
    char *end;
    *number = strtod(text, &end);
    return *text != '\0' && *end == '\0' && *number >= 0 && *number < 9e15;
}

static bool read_count(const char *text, int64_t *count)
{
    double number;
    if (!read_number(text, &number)) {
        return false;
    }
    *count = (int64_t)number;
    return (double)*count == number;
}

static bool read_address(const char *text, struct options *options)
{
    const char *colon = strrchr(text, ':');
    int64_t port;
    if (colon == NULL || (size_t)(colon - text) >= sizeof options->host ||
        !read_count(colon + 1, &port) || port > 65535) {
        return false;
    }
    memcpy(options->host, text, (size_t)(colon - text));
    options->host[colon - text] = '\0';
    options->port = (uint16_t)port;
    return true;
}

/* The options that are counts: where each one goes. */
static int64_t *count_of(struct options *options, enum option_code option)
{
    switch (option) {
    case OPTION_RECOGNISERS:
        return &options->recognisers;
    case OPTION_RETENTION_SECONDS:
        return &options->retention_seconds;
    case OPTION_WINDOW_SECONDS:
        return &options->window_seconds;
    case OPTION_SUBMISSIONS_QUOTA:
        return &options->submissions_quota;
    case OPTION_CHECKS_QUOTA:
        return &options->checks_quota;
    case OPTION_RETRY_AFTER:
        return &options->retry_after_seconds;
    case OPTION_TOKEN_SECONDS:
        return &options->token_seconds;
    case OPTION_IDS_SEED:
        return &options->ids_seed;
    default:
        return NULL;
    }
}

static const char **text_of(struct options *options, enum option_code option)
{
    switch (option) {
    case OPTION_OBJECTS:
        return &options->objects;
    case OPTION_OBJECTS_KEY_FILE:
        return &options->objects_key_file;
    case OPTION_OBJECTS_TOKEN_FILE:
        return &options->objects_token_file;
    case OPTION_OBJECTS_REGION:
        return &options->objects_region;
    case OPTION_DECODERS:
        return &options->decoders;
    case OPTION_ACCEPT_MODELS:
        return &options->models;
    case OPTION_API_KEY_FILE:
        return &options->api_key_file;
    case OPTION_FAULTS:
        return &options->faults;
    case OPTION_LOG:
        return &options->log;
    default:
        return NULL;
    }
}

static bool take(struct options *options, enum option_code option, const char *value)
{
    int64_t *count = count_of(options, option);
    const char **text = text_of(options, option);
    int64_t seed = 0;
    if (count != NULL) {
        return read_count(value, count);
    }
    if (text != NULL) {
        *text = value;
        return true;
    }
    switch (option) {
    case OPTION_LISTEN:
        return read_address(value, options);
    case OPTION_SYNTHETIC:
    case OPTION_RECOGNISE:
        options->recognise = option == OPTION_RECOGNISE;
        return true;
    case OPTION_DURATION_MS:
        return duration_parse(value, &options->duration_ms);
    case OPTION_DEFERRED_MS:
        return duration_parse(value, &options->deferred_ms);
    case OPTION_AUDIO_SECONDS:
        return duration_parse(value, &options->audio_seconds);
    case OPTION_SECONDS_PER_AUDIO_MINUTE:
        return read_number(value, &options->seconds_per_audio_minute);
    case OPTION_WORDS_PER_MINUTE:
        return read_number(value, &options->words_per_minute) && options->words_per_minute > 0;
    case OPTION_MILLISECONDS:
        options->milliseconds = true;
        return true;
    case OPTION_SEED:
        if (!read_count(value, &seed)) {
            return false;
        }
        options->seed = (uint64_t)seed;
        return true;
    default:
        return false;
    }
}

static const struct options defaults = {
    .host = "127.0.0.1",
    .objects_region = "ru-central1",
    .recognisers = 1,
    .duration_ms = {.kind = DURATION_FIXED, .first = 1000},
    .audio_seconds = {.kind = DURATION_FIXED, .first = 30},
    .words_per_minute = 120,
    .retention_seconds = 259200,
    .window_seconds = 3600,
    .token_seconds = 43200,
    .models = "general,general:rc,general:deprecated,deferred-general,deferred-general:rc,"
              "deferred-general:deprecated",
    .seed = 1,
};

enum options_outcome options_read(int count, char **arguments, struct options *options)
{
    struct option long_options[OPTION_COUNT + 1] = {{0}};
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        long_options[i].name = option_names[i].name;
        long_options[i].has_arg = option_names[i].has_value ? required_argument : no_argument;
        long_options[i].val = (int)option_names[i].option;
    }
    *options = defaults;
    int option;
    while ((option = getopt_long(count, arguments, "", long_options, NULL)) != -1) {
        if (option == OPTION_HELP) {
            fputs(help, stdout);
            return OPTIONS_HELP;
        }
        if (option == '?') {
            return OPTIONS_WRONG;
        }
        if (!take(options, (enum option_code)option, optarg)) {
            fprintf(stderr, "backscribe-standin: --%s: wrong value: %s\n",
                    option_names[option - OPTION_LISTEN].name, optarg);
            return OPTIONS_WRONG;
        }
    }
    bool deaf = options->recognise && (options->objects == NULL || options->decoders == NULL);
    if (optind < count || deaf) {
        fputs(deaf ? "backscribe-standin: --recognise needs --objects and --decoders\n"
                   : "backscribe-standin: options only\n",
              stderr);
        return OPTIONS_WRONG;
    }
    return OPTIONS_RUN;
}
