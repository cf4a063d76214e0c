/* What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput: it hands the input
 * to a decoder and asserts (BS_ASSERT) what the decoder promises of whatever it is given, besides
 * not to crash. One thread. */
#ifndef BS_TESTS_FUZZ_H
#define BS_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/core.h"
#include "formats/config.h"
#include "formats/job.h"
#include "formats/message.h"

/* Between the parts of an input that has several. No UTF-8 has this byte, so an input that is one
 * text needs no framing. */
#define FUZZ_SEPARATOR 0xff

/* Called by libFuzzer; defined by each target. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Cuts the next part off `rest`; what is left of it has no data (NULL) after the last part. The
 * part is a copy of exactly its size, so that a read past its end is seen; freed with fuzz_free. A
 * part that is missing has no data. */
struct bs_bytes fuzz_part(struct bs_bytes *rest, uint8_t separator);
/* The same bytes in a block of their own. */
struct bs_bytes fuzz_copy(const void *data, size_t size);
void fuzz_free(struct bs_bytes bytes);
/* The bytes up to the first NUL, as text; the caller frees. */
char *fuzz_text(struct bs_bytes bytes);

bool fuzz_same(struct bs_bytes left, struct bs_bytes right);
/* Whether `needle` (not empty) stands in `text`. */
bool fuzz_contains(struct bs_bytes text, const char *needle);

/* Text for people: there is some, shorter than `room`, valid UTF-8, no control character. */
bool fuzz_is_message(const char *text, size_t room);
bool fuzz_is_utf8(const void *text, size_t size);
/* One whole JSON value by the strict rules. */
bool fuzz_is_json(const void *text, size_t size);

/* The least configuration that is valid, with `settings` ("path=value", NULL at the end) on top. */
struct bs_config *fuzz_config(const char *const *settings);

/* An accepted operation of that packed job (borrowed), as submitted and checked once. */
struct bs_operation fuzz_operation(const uint8_t *job, size_t size);

/* Between these, the most memory that was held at once may be `factor` times the input and
 * `constant` more. */
void fuzz_memory_begin(void);
void fuzz_memory_end(size_t input_size, size_t factor, size_t constant);

/* Checks all that bs_job_unpack promises of what it accepts. */
void fuzz_check_job(const struct bs_job *job);

#endif
