/* A recording: WAV. */
#include "fuzz_audio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_audio(data, size, "RI", 2);
    return 0;
}
