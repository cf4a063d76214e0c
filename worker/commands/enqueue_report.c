/* What a dry run tells: for people, in 80 columns, and as JSON. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "commands/enqueue.h"
#include "formats/json.h"

#define COLUMNS 79

/* ---- numbers for people ----------------------------------------------------------------- */

struct number {
    char text[64];
};

/* 12,345.6 */
static struct number grouped(double value, int digits)
{
    struct number plain, number;
    (void)snprintf(plain.text, sizeof plain.text, "%.*f", digits, value);
    size_t whole = strspn(plain.text, "0123456789"), out = 0;
    for (size_t i = 0; plain.text[i] != '\0' && out + 2 < sizeof number.text; i++) {
        if (i > 0 && i < whole && (whole - i) % 3 == 0) {
            number.text[out++] = ',';
        }
        number.text[out++] = plain.text[i];
    }
    number.text[out] = '\0';
    return number;
}

/* " ± 12" where it was left to chance. */
static struct number error_of(struct bs_estimate_figure figure, double unit, int digits)
{
    struct number number = {.text = ""};
    if (figure.error > 0) {
        (void)snprintf(number.text, sizeof number.text, " ± %.50s",
                       grouped(figure.error / unit, digits).text);
    }
    return number;
}

/* The text in lines of COLUMNS, each indented; words are not cut unless they are longer. */
static void print_wrapped(const char *text, int indent)
{
    size_t size = strlen(text), at = 0;
    while (at < size) {
        size_t length = 0, end = at, space = 0;
        while (end < size && length < (size_t)(COLUMNS - indent)) {
            size_t character = bs_utf8_sequence((const uint8_t *)text + end, size - end);
            space = text[end] == ' ' ? end : space;
            end += character == 0 ? 1 : character;
            length++;
        }
        size_t cut = end < size && space > at && text[end] != ' ' ? space : end;
        printf("%*s%.*s\n", indent, "", (int)(cut - at), text + at);
        at = cut + (cut < size && text[cut] == ' ');
    }
}

static const char *encoding_name(int encoding)
{
    return encoding == BS_ENCODING_ABSENT ? "not known"
                                          : bs_encoding_name((enum bs_encoding)encoding);
}

/* ---- the parts -------------------------------------------------------------------------- */

static int64_t refused_count(const struct bs_estimate *estimate)
{
    int64_t count = 0;
    for (int code = 0; code < BS_DEAD_CODES; code++) {
        count += estimate->refused[code];
    }
    return count;
}

static void print_recordings(const struct bs_estimate *estimate)
{
    double scale = bs_estimate_scale(estimate);
    struct bs_estimate_figure accepted = bs_estimate_scaled(estimate, &estimate->submissions);
    if (estimate->sample > 0 && estimate->judged < estimate->offered) {
        bool errors = accepted.error > 0 ||
                      bs_estimate_scaled(estimate, &estimate->seconds).error > 0 ||
                      bs_estimate_scaled(estimate, &estimate->billed).error > 0;
        printf("  looked into       %14s   by chance; what follows is scaled up%s\n",
               grouped((double)estimate->judged, 0).text, errors ? ", ± at 95 %" : "");
    }
    printf("  to be submitted   %14s%s\n", grouped(accepted.value, 0).text,
           error_of(accepted, 1, 0).text);
    for (int i = 0; i < BS_ENCODINGS; i++) {
        if (estimate->encodings[i] > 0) {
            printf("    %-16s%14s\n", encoding_name(i),
                   grouped((double)estimate->encodings[i] * scale, 0).text);
        }
    }
    if (estimate->staged > 0) {
        printf("    %-16s%14s   (WAV: copied without its header)\n", "of them staged",
               grouped((double)estimate->staged * scale, 0).text);
    }
    int64_t refused = refused_count(estimate);
    if (refused > 0) {
        printf("  refused           %14s\n", grouped((double)refused * scale, 0).text);
    }
    if (estimate->failed > 0) {
        printf("  not looked into   %14s   not in the figures below\n",
               grouped((double)estimate->failed, 0).text);
        print_wrapped(estimate->failure, 4);
    }
    if (estimate->length_unknown > 0) {
        printf("  length not known  %14s   not in the hours below\n",
               grouped((double)estimate->length_unknown * scale, 0).text);
    }
}

static void print_hours(const struct bs_estimate *estimate)
{
    double scale = bs_estimate_scale(estimate);
    struct bs_estimate_figure seconds = bs_estimate_scaled(estimate, &estimate->seconds);
    struct bs_estimate_figure billed = bs_estimate_scaled(estimate, &estimate->billed);
    char kind[32];
    printf("\nAudio               %14s s%s   = %s h\n", grouped(seconds.value, 0).text,
           error_of(seconds, 1, 0).text, grouped(seconds.value / 3600, 2).text);
    printf("Billed              %14s s%s   = %s h of up to two channels\n",
           grouped(billed.value, 0).text, error_of(billed, 1, 0).text,
           grouped(billed.value / 3600, 2).text);
    for (int i = 1; i <= BS_ESTIMATE_CHANNELS; i++) {
        if (estimate->channel_recordings[i] > 0) {
            (void)snprintf(kind, sizeof kind, "%d%s channel%s", i,
                           i == BS_ESTIMATE_CHANNELS ? " or more" : "", i == 1 ? "" : "s");
            printf("  %-18s%14s s   in %s\n", kind,
                   grouped((double)estimate->channel_billed[i] * scale, 0).text,
                   grouped((double)estimate->channel_recordings[i] * scale, 0).text);
        }
    }
}

static void print_cost(const struct bs_estimate *estimate)
{
    double an_hour = estimate->config->price.billed_hour;
    struct bs_estimate_figure billed = bs_estimate_scaled(estimate, &estimate->billed);
    struct bs_estimate_figure cost = {.value = billed.value / 3600 * an_hour,
                                      .error = billed.error / 3600 * an_hour};
    if (an_hour > 0) {
        printf("Cost                %14s %s%s   at %s a billed hour\n", grouped(cost.value, 2).text,
               estimate->config->price.currency, error_of(cost, 1, 2).text,
               grouped(an_hour, 2).text);
    }
}

/* A reason that several have in common stands behind the last of them. */
static void print_examples(const struct bs_estimate_example *examples)
{
    for (int i = 0; i < BS_ESTIMATE_EXAMPLES && examples[i].name != NULL; i++) {
        bool last = i + 1 == BS_ESTIMATE_EXAMPLES || examples[i + 1].name == NULL;
        print_wrapped(examples[i].name, 4);
        if (last || strcmp(examples[i].message, examples[i + 1].message) != 0) {
            print_wrapped(examples[i].message, 6);
        }
    }
}

static void print_refused(const struct bs_enqueue *enqueue)
{
    const struct bs_estimate *estimate = &enqueue->estimate;
    double scale = bs_estimate_scale(estimate);
    if (refused_count(estimate) == 0) {
        return;
    }
    printf("\nRefused before anything is paid%s\n",
           enqueue->upload_to != NULL ? ": neither sent nor enqueued" : ": each a dead letter");
    for (int code = 0; code < BS_DEAD_CODES; code++) {
        if (estimate->refused[code] == 0) {
            continue;
        }
        printf("  %-20s%12s\n", bs_dead_letter_code_name((enum bs_dead_letter_code)code),
               grouped((double)estimate->refused[code] * scale, 0).text);
        print_examples(estimate->examples[code]);
        if (estimate->refused[code] > BS_ESTIMATE_EXAMPLES) {
            printf("    and more: --verbose names all of them\n");
        }
    }
}

static void print_pace_line(const char *what, double count, int digits, const char *of, double days)
{
    printf("  %-14s%14s  %-22s  ", what, grouped(count, digits).text, of);
    bs_enqueue_print_duration(stdout, days);
    printf("\n");
}

/* What is left of limits.billed_hours; all of it where what is spent is not known. */
static double budget_left(const struct bs_enqueue *enqueue)
{
    double all = enqueue->config->limits.billed_hours;
    double left = enqueue->budget_spent < 0 ? all : all - enqueue->budget_spent;
    return left > 0 ? left : 0;
}

static bool budget_too_small(const struct bs_enqueue *enqueue)
{
    double billed = bs_estimate_scaled(&enqueue->estimate, &enqueue->estimate.billed).value;
    return enqueue->config->limits.billed_hours > 0 && billed / 3600 > budget_left(enqueue);
}

static void print_budget(const struct bs_enqueue *enqueue, double hours)
{
    double left = budget_left(enqueue), all = enqueue->config->limits.billed_hours;
    int digits = hours < 10 ? 2 : 1;
    if (budget_too_small(enqueue)) {
        printf("  %-14s%14s  of %s hours%s: ends before (limits.billed_hours)\n", "budget",
               grouped(hours, digits).text, grouped(left, digits).text,
               enqueue->budget_spent < 0 ? " or less"
               : left < all              ? " left"
                                         : "");
    }
}

static void print_pace(const struct bs_enqueue *enqueue)
{
    const struct bs_estimate *estimate = &enqueue->estimate;
    const struct bs_config *config = estimate->config;
    struct bs_estimate_pace pace = bs_estimate_pace(estimate);
    double submissions = bs_estimate_scaled(estimate, &estimate->submissions).value;
    double billed = bs_estimate_scaled(estimate, &estimate->billed).value;
    char text[64];
    printf("\nAt the quotas\n");
    (void)snprintf(text, sizeof text, "at %" PRId64 " in %" PRId64 " s", config->quotas.submissions,
                   config->quotas.window_seconds);
    print_pace_line("submissions", submissions, 0, text, pace.submissions_days);
    (void)snprintf(text, sizeof text, "at %" PRId64 " in %" PRId64 " s", config->quotas.checks,
                   config->quotas.window_seconds);
    print_pace_line("checks, 2 each", submissions * BS_ESTIMATE_CHECKS_EACH, 0, text,
                    pace.checks_days);
    (void)snprintf(text, sizeof text, "at %.10g a day", config->quotas.billed_hours_per_day);
    print_pace_line("billed hours", billed / 3600, 1, text, pace.billed_days);
    print_budget(enqueue, billed / 3600);
    printf("The backlog takes ");
    bs_enqueue_print_duration(stdout, pace.days);
    printf("%s: the %s are the slowest.\n",
           budget_too_small(enqueue) ? " once limits.billed_hours is raised" : "", pace.slowest);
    printf("Jobs that already wait in the topic come before them, and are not counted.\n");
}

static bool retention_too_short(const struct bs_enqueue *enqueue, double days)
{
    const struct bs_topic_facts *topic = &enqueue->topic;
    return topic->settings_known && topic->retention_ms >= 0 && !topic->compacted &&
           bs_enqueue_retention_days(topic) < days;
}

static void print_topic(const struct bs_enqueue *enqueue, double days)
{
    const struct bs_topic_facts *topic = &enqueue->topic;
    const char *name = enqueue->config->topics.jobs;
    char text[700];
    if (enqueue->topic_problem[0] != '\0') {
        (void)snprintf(text, sizeof text,
                       "Whether topic %s keeps jobs for so long is not known: %s", name,
                       enqueue->topic_problem);
    } else if (!topic->settings_known) {
        (void)snprintf(text, sizeof text,
                       "Whether topic %s keeps jobs for so long is not known: %s", name,
                       topic->settings_problem);
    } else if (topic->retention_ms < 0 || topic->compacted) {
        (void)snprintf(text, sizeof text, "Topic %s keeps jobs for ever.", name);
    } else if (retention_too_short(enqueue, days)) {
        (void)snprintf(text, sizeof text,
                       "WARNING: topic %s keeps messages for %.1f days, which is shorter: jobs "
                       "would be lost before their turn. Set retention.ms=-1.",
                       name, bs_enqueue_retention_days(topic));
    } else {
        (void)snprintf(text, sizeof text, "Topic %s keeps jobs for %.1f days.", name,
                       bs_enqueue_retention_days(topic));
    }
    print_wrapped(text, 0);
}

void bs_enqueue_print_estimate(const struct bs_enqueue *enqueue)
{
    const struct bs_estimate *estimate = &enqueue->estimate;
    printf("%" PRId64 " job%s would be enqueued\n", enqueue->counts.jobs,
           enqueue->counts.jobs == 1 ? "" : "s");
    bs_enqueue_print_left_out(enqueue, stdout);
    if (enqueue->counts.jobs == 0 && estimate->judged == 0) {
        return;
    }
    printf("\nRecordings          %14s\n", grouped((double)estimate->offered, 0).text);
    print_recordings(estimate);
    print_hours(estimate);
    print_cost(estimate);
    print_refused(enqueue);
    print_pace(enqueue);
    print_topic(enqueue, bs_estimate_pace(estimate).days);
    if (estimate->objects == NULL && enqueue->upload_to == NULL) {
        print_wrapped("The recordings were not looked into, since the configuration names no "
                      "credentials for the object store (objects.auth): the figures are what the "
                      "jobs state.",
                      0);
    }
}

/* ---- JSON ------------------------------------------------------------------------------- */

static void json_number(struct bs_buffer *out, const char *name, double value)
{
    bs_buffer_append_text(out, out->data[out->size - 1] == '{' ? "" : ",");
    bs_json_append_string(out, name);
    bs_buffer_append_text(out, ":");
    bs_json_append_number(out, value);
}

static void json_open(struct bs_buffer *out, const char *name, const char *bracket)
{
    bs_buffer_append_text(out, out->data[out->size - 1] == '{' ? "" : ",");
    bs_json_append_string(out, name);
    bs_buffer_append_text(out, ":");
    bs_buffer_append_text(out, bracket);
}

static void json_figure(struct bs_buffer *out, const char *name, const char *error_name,
                        struct bs_estimate_figure figure, double unit)
{
    json_number(out, name, figure.value / unit);
    if (figure.error > 0) {
        json_number(out, error_name, figure.error / unit);
    }
}

static void json_refused(struct bs_buffer *out, const struct bs_estimate *estimate)
{
    json_open(out, "refused", "{");
    for (int code = 0; code < BS_DEAD_CODES; code++) {
        if (estimate->refused[code] > 0) {
            json_number(out, bs_dead_letter_code_name((enum bs_dead_letter_code)code),
                        (double)estimate->refused[code] * bs_estimate_scale(estimate));
        }
    }
    bs_buffer_append_text(out, "}");
    json_open(out, "examples", "[");
    for (int i = 0; i < BS_DEAD_CODES * BS_ESTIMATE_EXAMPLES; i++) {
        const struct bs_estimate_example *example =
            &estimate->examples[i / BS_ESTIMATE_EXAMPLES][i % BS_ESTIMATE_EXAMPLES];
        if (example->name != NULL) {
            bs_buffer_append_text(out,
                                  out->data[out->size - 1] == '[' ? "{\"uri\":" : ",{\"uri\":");
            bs_json_append_string(out, example->name);
            bs_buffer_append_text(out, ",\"code\":");
            bs_json_append_string(out, bs_dead_letter_code_name(
                                           (enum bs_dead_letter_code)(i / BS_ESTIMATE_EXAMPLES)));
            bs_buffer_append_text(out, ",\"message\":");
            bs_json_append_string(out, example->message);
            bs_buffer_append_text(out, "}");
        }
    }
    bs_buffer_append_text(out, "]");
}

static void json_pace(struct bs_buffer *out, const struct bs_enqueue *enqueue)
{
    struct bs_estimate_pace pace = bs_estimate_pace(&enqueue->estimate);
    const struct bs_topic_facts *topic = &enqueue->topic;
    json_open(out, "days", "{");
    json_number(out, "submissions", pace.submissions_days);
    json_number(out, "checks", pace.checks_days);
    json_number(out, "billedHours", pace.billed_days);
    json_number(out, "slowest", pace.days);
    bs_buffer_append_text(out, "}");
    json_open(out, "retentionTooShort",
              !topic->settings_known                    ? "null"
              : retention_too_short(enqueue, pace.days) ? "true"
                                                        : "false");
    if (enqueue->config->limits.billed_hours > 0) {
        json_open(out, "budget", "{");
        json_number(out, "hours", enqueue->config->limits.billed_hours);
        if (enqueue->budget_spent >= 0) {
            json_number(out, "spentHours", enqueue->budget_spent);
        }
        json_open(out, "tooSmall", budget_too_small(enqueue) ? "true}" : "false}");
    }
}

static void json_kinds(struct bs_buffer *out, const struct bs_estimate *estimate)
{
    double scale = bs_estimate_scale(estimate);
    char name[8];
    json_open(out, "encodings", "{");
    for (int i = 0; i < BS_ENCODINGS; i++) {
        if (estimate->encodings[i] > 0) {
            json_number(out, i == BS_ENCODING_ABSENT ? "unknown" : encoding_name(i),
                        (double)estimate->encodings[i] * scale);
        }
    }
    bs_buffer_append_text(out, "}");
    json_open(out, "billedSecondsByChannels", "{");
    for (int i = 1; i <= BS_ESTIMATE_CHANNELS; i++) {
        if (estimate->channel_recordings[i] > 0) {
            (void)snprintf(name, sizeof name, "%d%s", i, i == BS_ESTIMATE_CHANNELS ? "+" : "");
            json_number(out, name, (double)estimate->channel_billed[i] * scale);
        }
    }
    bs_buffer_append_text(out, "}");
}

static void json_cost(struct bs_buffer *out, const struct bs_estimate *estimate)
{
    double an_hour = estimate->config->price.billed_hour;
    if (an_hour > 0) {
        json_open(out, "cost", "{");
        json_figure(out, "value", "error", bs_estimate_scaled(estimate, &estimate->billed),
                    3600 / an_hour);
        bs_buffer_append_text(out, ",\"currency\":");
        bs_json_append_string(out, estimate->config->price.currency);
        bs_buffer_append_text(out, "}");
    }
}

void bs_enqueue_print_estimate_json(const struct bs_enqueue *enqueue)
{
    const struct bs_estimate *estimate = &enqueue->estimate;
    const struct bs_enqueue_counts *counts = &enqueue->counts;
    double scale = bs_estimate_scale(estimate);
    struct bs_buffer out = {0};
    bs_buffer_append_text(&out, "{");
    json_number(&out, "jobs", (double)counts->jobs);
    json_number(&out, "wrong", (double)counts->wrong);
    json_number(&out, "leftOut",
                (double)(counts->filtered + counts->folders + counts->outdated + counts->ours +
                         counts->passed_over));
    json_number(&out, "recordings", (double)estimate->offered);
    json_number(&out, "lookedInto", (double)estimate->judged);
    json_number(&out, "notLookedInto", (double)estimate->failed);
    json_figure(&out, "submitted", "submittedError",
                bs_estimate_scaled(estimate, &estimate->submissions), 1);
    json_number(&out, "staged", (double)estimate->staged * scale);
    json_number(&out, "lengthNotKnown", (double)estimate->length_unknown * scale);
    json_figure(&out, "hours", "hoursError", bs_estimate_scaled(estimate, &estimate->seconds),
                3600);
    json_figure(&out, "billedSeconds", "billedSecondsError",
                bs_estimate_scaled(estimate, &estimate->billed), 1);
    json_cost(&out, estimate);
    json_kinds(&out, estimate);
    json_refused(&out, estimate);
    json_pace(&out, enqueue);
    bs_buffer_append_text(&out, "}\n");
    (void)fwrite(out.data, 1, out.size, stdout);
    bs_buffer_free(&out);
}
