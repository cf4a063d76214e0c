/* What every probe keeps to, whatever the recording's bytes are. */
#ifndef BS_TESTS_FUZZ_AUDIO_H
#define BS_TESTS_FUZZ_AUDIO_H

#include "fuzz.h"

/* An input is six bytes that say how a recording is made of the rest: its beginning, a middle that
 * is repeated up to some megabytes, its end; so that the parsers' jumps are reached by inputs of
 * few bytes. The recording begins with `sign`, over what stands there. */
void fuzz_audio(const uint8_t *data, size_t size, const void *sign, size_t sign_size);

#endif
