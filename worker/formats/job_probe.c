#include "formats/job_probe.h"

#include <string.h>
#include <strings.h>

#include "formats/job_fields.h"
#include "formats/job_pack.h"
#include "formats/object_name.h"
#include "state.pb-c.h"

typedef Backscribe__State__V1__Job packed_job;
typedef Backscribe__State__V1__Specification packed_specification;

static bool ends_in(const char *link, const char *extension)
{
    size_t length = strlen(extension), size = strlen(link);
    return size > length && strcasecmp(link + size - length, extension) == 0;
}

enum bs_encoding bs_encoding_of_link(const char *link)
{
    static const struct {
        const char *extension;
        enum bs_encoding encoding;
    } known[] = {
        {".ogg", BS_ENCODING_OGG_OPUS},     {".opus", BS_ENCODING_OGG_OPUS},
        {".mp3", BS_ENCODING_MP3},          {".raw", BS_ENCODING_LINEAR16_PCM},
        {".pcm", BS_ENCODING_LINEAR16_PCM}, {".lpcm", BS_ENCODING_LINEAR16_PCM},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (ends_in(link, known[i].extension)) {
            return known[i].encoding;
        }
    }
    return BS_ENCODING_ABSENT;
}

bool bs_link_is_wav(const char *link)
{
    return ends_in(link, ".wav");
}

/* ---- before ---- */

/* The configured defaults are about raw samples where nothing says otherwise. */
static bool is_raw(const struct bs_specification *own, const struct bs_specification *defaults,
                   const char *link)
{
    enum bs_encoding named = bs_encoding_of_link(link);
    if (own->encoding != BS_ENCODING_ABSENT) {
        return own->encoding == BS_ENCODING_LINEAR16_PCM;
    }
    return named == BS_ENCODING_LINEAR16_PCM ||
           (named == BS_ENCODING_ABSENT && defaults->encoding == BS_ENCODING_LINEAR16_PCM);
}

void bs_job_look(const struct bs_config *config, const struct bs_job *job, struct bs_job_look *look)
{
    char problem[BS_MESSAGE_MAX];
    struct bs_json_problem json_problem;
    struct bs_job_fields fields = {.size_bytes = -1};
    struct bs_specification defaults = {0};
    cJSON *json = bs_json_parse(job->message.value.data, job->message.value.size, &json_problem);
    cJSON *defaults_json = cJSON_Parse(config->speechkit.defaults_json);
    if (json == NULL || !bs_job_fields_read(json, &fields, problem, sizeof problem)) {
        fields = (struct bs_job_fields){.size_bytes = -1}; /* of an older rule's job */
    }
    /* the configuration's own writing */
    BS_ASSERT(bs_specification_read(defaults_json, &defaults, NULL, NULL));

    const struct bs_specification *own = &fields.specification;
    struct bs_specification filled = *own;
    bs_specification_fill(&filled, &defaults);
    look->hint = (struct bs_probe_hint){
        .raw = is_raw(own, &defaults, job->uri),
        .sample_rate_hertz = filled.sample_rate_hertz,
        .channels = filled.channel_count,
    };
    look->stated = (struct bs_audio_stated){
        .encoding = own->encoding,
        .sample_rate_hertz = own->sample_rate_hertz,
        .channels = own->channel_count,
        .seconds = fields.duration_seconds,
        .size_bytes = fields.size_bytes,
    };
    cJSON_Delete(json);
    cJSON_Delete(defaults_json);
}

/* ---- after ---- */

static void complete_specification(packed_specification *specification,
                                   const struct bs_audio_plan *plan)
{
    bool lpcm = plan->encoding == BS_ENCODING_LINEAR16_PCM;
    specification->has_audio_encoding = true;
    specification->audio_encoding = (Backscribe__State__V1__Encoding)plan->encoding;
    specification->has_sample_rate_hertz = lpcm;
    specification->sample_rate_hertz = plan->sample_rate_hertz;
    specification->has_audio_channel_count = lpcm;
    specification->audio_channel_count = plan->channels;
}

static void note_facts(packed_job *job, const struct bs_audio *audio,
                       const struct bs_audio_plan *plan)
{
    job->has_duration_seconds = plan->seconds > 0 && plan->seconds <= BS_JOB_SECONDS_MAX;
    job->duration_seconds = plan->seconds;
    job->has_size_bytes = true;
    job->size_bytes = (uint64_t)audio->size_bytes;
    job->has_probed_encoding = true;
    job->probed_encoding = (Backscribe__State__V1__Encoding)plan->encoding;
    job->has_probed_sample_rate_hertz =
        audio->sample_rate_hertz > 0 && audio->sample_rate_hertz <= BS_SAMPLE_RATE_MAX;
    job->probed_sample_rate_hertz = audio->sample_rate_hertz;
    job->has_probed_channels = audio->channels > 0 && audio->channels <= BS_CHANNELS_MAX;
    job->probed_channels = audio->channels;
}

static void append_staged_link(const struct bs_config *config, const char *cluster_id,
                               const uint8_t *packed, size_t size, struct bs_buffer *link)
{
    struct bs_job job;
    struct bs_object_name name;
    bool packed_by_us = bs_job_unpack(packed, size, &job);
    BS_ASSERT(packed_by_us);
    bs_object_name_staged(config, cluster_id, &job, &name);
    bs_object_name_link(config, &name, link);
    bs_object_name_free(&name);
    bs_job_free(&job);
}

void bs_job_complete(const struct bs_config *config, const char *cluster_id, const uint8_t *packed,
                     size_t size, const struct bs_audio *audio, const struct bs_audio_plan *plan,
                     struct bs_buffer *out)
{
    packed_job *job = backscribe__state__v1__job__unpack(NULL, size, packed);
    BS_ASSERT(job != NULL); /* packed by us */
    packed_specification none = BACKSCRIBE__STATE__V1__SPECIFICATION__INIT;
    packed_specification *own = job->specification;
    char *own_link = job->staged_uri;
    struct bs_buffer link = {0};
    if (plan->stage) {
        append_staged_link(config, cluster_id, packed, size, &link);
    }
    if (own == NULL) {
        job->specification = &none;
    }
    job->staged_uri = (char *)link.data; /* NULL where there is no copy */
    complete_specification(job->specification, plan);
    note_facts(job, audio, plan);

    size_t packed_size = backscribe__state__v1__job__get_packed_size(job);
    (void)backscribe__state__v1__job__pack(job, bs_buffer_extend(out, packed_size));
    job->specification = own;
    job->staged_uri = own_link;
    backscribe__state__v1__job__free_unpacked(job, NULL);
    bs_buffer_free(&link);
}
