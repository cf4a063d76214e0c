/* A look into a job's recording: what is known before it, and what the packed job says after it.
 * Any thread. */
#ifndef BS_FORMATS_JOB_PROBE_H
#define BS_FORMATS_JOB_PROBE_H

#include "formats/audio.h"
#include "formats/job.h"

/* What the last part of a link's name tells. */
enum bs_encoding bs_encoding_of_link(const char *link); /* ABSENT = nothing */
bool bs_link_is_wav(const char *link);

struct bs_job_look {
    struct bs_probe_hint hint;
    struct bs_audio_stated stated; /* by the job itself; configured defaults are hints only */
};

void bs_job_look(const struct bs_config *config, const struct bs_job *job,
                 struct bs_job_look *look);

/* Appends the packed job anew, with what was found: the specification as it is sent, length, size,
 * the recording's own facts, and the staged copy's link where there is to be one. `packed` is a
 * packed job; one that was completed before is completed as if it had not been. */
void bs_job_complete(const struct bs_config *config, const char *cluster_id, const uint8_t *packed,
                     size_t size, const struct bs_audio *audio, const struct bs_audio_plan *plan,
                     struct bs_buffer *out);

#endif
