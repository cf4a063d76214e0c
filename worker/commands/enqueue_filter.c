/* Which recordings are wanted. */
#include <string.h>

#include "commands/enqueue.h"
#include "formats/glob.h"
#include "formats/job.h"

bool bs_enqueue_parse_moment(const char *text, bs_wall_ms now, bs_wall_ms *moment)
{
    int64_t ago;
    if (bs_duration_parse(text, &ago)) {
        *moment = now - ago;
        return true;
    }
    return bs_rfc3339_parse(text, strlen(text), moment);
}

/* Where the recording stands; false for a link that leads to another host. */
static bool name_of(const struct bs_enqueue *enqueue, const struct bs_manifest_job *job,
                    struct bs_object_name *name)
{
    const char *uri = (const char *)job->uri.data;
    return bs_object_name_of_uri(uri, name) || bs_object_name_of_link(enqueue->config, uri, name);
}

static bool fits_any(const struct bs_option_values *patterns, const char *key)
{
    for (size_t i = 0; i < patterns->count; i++) {
        if (bs_glob_match_key(patterns->list[i], key)) {
            return true;
        }
    }
    return false;
}

bool bs_enqueue_fits(const struct bs_enqueue_filter *filter, const char *key, bs_wall_ms modified)
{
    return (filter->include.count == 0 || fits_any(&filter->include, key)) &&
           !fits_any(&filter->exclude, key) &&
           (filter->newer_than == 0 || modified >= filter->newer_than);
}

/* A store lists the "folders" that a program has made, and what we put there. */
static bool is_folder(const struct bs_manifest_entry *entry, const char *key)
{
    return key[strlen(key) - 1] == '/' && entry->size_bytes <= 0;
}

static bool is_ours(const struct bs_config *config, const struct bs_object_name *name)
{
    return bs_object_name_is_below(config->objects.staging, name->bucket, name->key) ||
           bs_object_name_is_below(config->objects.transcripts, name->bucket, name->key);
}

static bool choose(struct bs_enqueue *enqueue, const struct bs_manifest_entry *entry,
                   const struct bs_object_name *name, const char **problem)
{
    struct bs_enqueue_counts *counts = &enqueue->counts;
    const struct bs_enqueue_filter *filter = &enqueue->filter;
    if (entry->listed && is_folder(entry, name->key)) {
        counts->folders++;
        return false;
    }
    if (entry->listed && is_ours(enqueue->config, name)) {
        counts->ours++;
        return false;
    }
    if (filter->newer_than != 0 && entry->modified == 0) {
        *problem = "--newer-than: when this was last changed is not told here";
        return false;
    }
    if (!bs_enqueue_fits(filter, name->key, entry->modified)) {
        counts->filtered++;
        return false;
    }
    return true;
}

bool bs_enqueue_wants(struct bs_enqueue *enqueue, const struct bs_manifest_entry *entry,
                      const struct bs_manifest_job *job, const char **problem)
{
    const struct bs_enqueue_filter *filter = &enqueue->filter;
    struct bs_object_name name;
    if (!entry->listed && filter->include.count + filter->exclude.count == 0 &&
        filter->newer_than == 0) {
        return true;
    }
    if (!name_of(enqueue, job, &name)) {
        *problem = "the link leads to another host than objects.endpoint: no filter fits it";
        return false;
    }
    bool wanted = choose(enqueue, entry, &name, problem);
    bs_object_name_free(&name);
    return wanted;
}
