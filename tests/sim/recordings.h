/* What the jobs' links name: recordings of several kinds, as the bytes that the object store has of
 * them. Everything about one follows from its number and the seed. */
#ifndef SIM_RECORDINGS_H
#define SIM_RECORDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/audio.h"
#include "options.h"

enum sim_audio {
    SIM_OPUS, /* taken as it is */
    SIM_RAW,  /* likewise: samples without a header, as the job says */
    SIM_WAV,  /* taken as a copy without its header */
    /* refused by a look, or never looked into with success */
    SIM_FLAC,
    SIM_WAV_44100,
    SIM_TOO_LONG,
    SIM_OVER_A_GIGABYTE,
    SIM_MISSING,
    SIM_DENIED_ALONE,
    SIM_UNREADABLE_ALONE,
    SIM_AUDIOS
};

struct sim_recording {
    enum sim_audio kind;
    enum bs_samples samples; /* of a WAV */
    uint32_t rate;           /* of samples; 0 = Opus */
    int32_t channels;
    double seconds;
    int64_t frames; /* of a WAV */
    int64_t size_bytes;
    bool told;     /* its jobs tell its length */
    bool all_told; /* and whatever else the API wants: it is not looked into */
};

void sim_recording_draw(const struct sim_options *options, int32_t number,
                        struct sim_recording *recording);
/* Where there is an object store, is it looked into before it is submitted? */
bool sim_recording_is_looked_into(const struct sim_options *options,
                                  const struct sim_recording *recording);
/* How a look ends a job; NONE = the API takes it, or a copy of it. */
enum bs_dead_letter_code sim_recording_refusal(const struct sim_options *options,
                                               const struct sim_recording *recording);
const char *sim_recording_extension(const struct sim_recording *recording);
/* Appends the bytes from `offset` on that there are, `length` at most. */
void sim_recording_read(const struct sim_recording *recording, int64_t offset, size_t length,
                        struct bs_buffer *out);
/* Whether these are its samples as the API takes them. */
bool sim_recording_is_copy(const struct sim_recording *recording, struct bs_bytes copy);

#endif
