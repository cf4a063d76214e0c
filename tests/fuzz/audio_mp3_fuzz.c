/* A recording: MP3, ID3 tags, and whatever else the first bytes may look like. */
#include "fuzz_audio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_audio(data, size, "", 0);
    return 0;
}
