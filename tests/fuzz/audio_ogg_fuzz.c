/* A recording: Ogg, links of one stream after the other among it. Checksums are taken as right. */
#include "fuzz_audio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_audio(data, size, "OggS", 4);
    return 0;
}
