/* Manifests: bytes in, entries out. The files by their noun:
 *   manifest.c            unpacking, lines
 *   manifest_form.c       which form it is
 *   manifest_csv.c        CSV with a header
 *   manifest_inventory.c  CSV of an S3 Inventory
 *   manifest_listing.c    JSON of a listing
 *   manifest_job.c        an entry becomes a job message */
#include <stdlib.h>
#include <string.h>

#include "formats/manifest_parts.h"
#include "formats/url.h"

struct bs_manifest *bs_manifest_create(const struct bs_manifest_options *options)
{
    struct bs_manifest *manifest = calloc(1, sizeof *manifest);
    BS_ASSERT(manifest != NULL);
    manifest->options = *options;
    manifest->line = 1;
    manifest->listing.holds = true;
    manifest->listing.closed = true;
    return manifest;
}

void bs_manifest_free(struct bs_manifest *manifest)
{
    if (manifest == NULL) {
        return;
    }
    bs_gunzip_free(manifest->gunzip);
    bs_buffer_free(&manifest->head);
    bs_buffer_free(&manifest->unfinished);
    bs_csv_free(&manifest->csv);
    bs_columns_free(&manifest->columns);
    bs_manifest_listing_free(&manifest->listing);
    bs_buffer_free(&manifest->text);
    bs_buffer_free(&manifest->key);
    free(manifest);
}

const char *bs_manifest_form(const struct bs_manifest *manifest)
{
    static const char *const names[] = {[BS_FORM_LINES] = "lines",
                                        [BS_FORM_CSV] = "CSV",
                                        [BS_FORM_LISTING] = "listing",
                                        [BS_FORM_INVENTORY] = "inventory",
                                        [BS_FORM_NONE] = NULL};
    return names[manifest->form];
}

/* ---- entries ---------------------------------------------------------------------------- */

bool bs_manifest_emit(struct bs_manifest *manifest, struct bs_manifest_entry entry)
{
    entry.number = ++manifest->number;
    entry.version = entry.version == NULL ? "" : entry.version;
    if (!manifest->stopped && !manifest->options.each(manifest->options.context, &entry)) {
        manifest->stopped = true;
    }
    return !manifest->stopped;
}

bool bs_manifest_emit_problem(struct bs_manifest *manifest, int64_t line, const char *problem)
{
    return bs_manifest_emit(
        manifest, (struct bs_manifest_entry){.line = line, .problem = problem, .size_bytes = -1});
}

bool bs_manifest_uri(const char *bucket, const char *key, struct bs_buffer *text)
{
    size_t length;
    const char *rest;
    bs_buffer_append_text(text, "s3://");
    bs_buffer_append_text(text, bucket);
    bs_buffer_append_text(text, "/");
    bs_buffer_append_text(text, key);
    bs_buffer_append(text, "", 1);
    text->size--;
    return strchr(bucket, '/') == NULL &&
           bs_s3_uri_parse((const char *)text->data, true, &length, &rest);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool bs_manifest_decode_key(const char *encoded, struct bs_buffer *key)
{
    for (const char *at = encoded; *at != '\0'; at++) {
        uint8_t byte = *at == '+' ? ' ' : (uint8_t)*at;
        if (*at == '%') {
            int high = hex_value(at[1]), low = high < 0 ? -1 : hex_value(at[2]);
            if (low < 0 || high + low == 0) {
                return false;
            }
            byte = (uint8_t)(high * 16 + low);
            at += 2;
        }
        bs_buffer_append(key, &byte, 1);
    }
    bs_buffer_append(key, "", 1);
    return true;
}

/* ---- lines ------------------------------------------------------------------------------ */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct bs_bytes trim(struct bs_bytes line)
{
    while (line.size > 0 && is_blank(line.data[line.size - 1])) {
        line.size--;
    }
    while (line.size > 0 && is_blank(line.data[0])) {
        line.data++;
        line.size--;
    }
    return line;
}

static bool take_line(struct bs_manifest *manifest, struct bs_bytes line)
{
    int64_t number = manifest->line++;
    bool too_long = manifest->too_long || line.size > manifest->options.entry_bytes;
    manifest->too_long = false;
    line = trim(line);
    if (too_long) {
        return bs_manifest_emit_problem(manifest, number, "larger than limits.job_bytes");
    }
    if (line.size == 0 || line.data[0] == '#') {
        return true;
    }
    return bs_manifest_emit(
        manifest, (struct bs_manifest_entry){.line = number, .text = line, .size_bytes = -1});
}

static void keep_unfinished(struct bs_manifest *manifest, struct bs_bytes part)
{
    struct bs_buffer *unfinished = &manifest->unfinished;
    if (unfinished->size + part.size > manifest->options.entry_bytes) {
        manifest->too_long = true;
    } else {
        bs_buffer_append(unfinished, part.data, part.size);
    }
}

static bool feed_lines(struct bs_manifest *manifest, struct bs_bytes bytes)
{
    const uint8_t *newline;
    struct bs_buffer *unfinished = &manifest->unfinished;
    while (bytes.size > 0 && (newline = memchr(bytes.data, '\n', bytes.size)) != NULL) {
        struct bs_bytes line = {bytes.data, (size_t)(newline - bytes.data)};
        bytes = (struct bs_bytes){newline + 1, bytes.size - line.size - 1};
        if (unfinished->size > 0 || manifest->too_long) {
            keep_unfinished(manifest, line);
            line = (struct bs_bytes){unfinished->data, unfinished->size};
            unfinished->size = 0;
        }
        if (!take_line(manifest, line)) {
            return false;
        }
    }
    keep_unfinished(manifest, bytes);
    return true;
}

static void end_lines(struct bs_manifest *manifest)
{
    struct bs_buffer *unfinished = &manifest->unfinished;
    if (unfinished->size > 0 || manifest->too_long) {
        (void)take_line(manifest, (struct bs_bytes){unfinished->data, unfinished->size});
    }
}

/* ---- bytes ------------------------------------------------------------------------------ */

static bool feed_form(struct bs_manifest *manifest, struct bs_bytes bytes)
{
    switch (manifest->form) {
    case BS_FORM_LINES:
        return feed_lines(manifest, bytes);
    case BS_FORM_CSV:
    case BS_FORM_INVENTORY:
        return bs_manifest_feed_csv(manifest, bytes);
    case BS_FORM_LISTING:
        return bs_manifest_feed_listing(manifest, bytes);
    default:
        return false;
    }
}

/* Tells the form of what stands in the head, if it can be told, and begins with it. */
static bool begin_form(struct bs_manifest *manifest, bool whole)
{
    struct bs_bytes head = {manifest->head.data, manifest->head.size};
    const char *problem = NULL;
    size_t begin = 0;
    manifest->form = bs_manifest_tell(head, whole, &begin, &manifest->csv.delimiter, &problem);
    if (manifest->form == BS_FORM_UNKNOWN || head.size == 0) {
        return true;
    }
    for (size_t i = 0; i < begin; i++) {
        manifest->line += head.data[i] == '\n';
    }
    if (manifest->form == BS_FORM_NONE) {
        (void)bs_manifest_emit_problem(manifest, manifest->line, problem);
        return false;
    }
    manifest->csv.limit = manifest->options.entry_bytes;
    manifest->csv.line = manifest->line;
    bool more = feed_form(manifest, (struct bs_bytes){head.data + begin, head.size - begin});
    bs_buffer_free(&manifest->head);
    return more;
}

static bool feed_plain(void *context, const uint8_t *bytes, size_t size)
{
    struct bs_manifest *manifest = context;
    if (manifest->form == BS_FORM_UNKNOWN) {
        bs_buffer_append(&manifest->head, bytes, size);
        return (memchr(bytes, '\n', size) == NULL && manifest->head.size < BS_MANIFEST_HEAD_MAX) ||
               begin_form(manifest, false);
    }
    return feed_form(manifest, (struct bs_bytes){bytes, size});
}

static bool feed_unpacked(struct bs_manifest *manifest, const uint8_t *bytes, size_t size)
{
    if (size == 0) {
        return true;
    }
    if (manifest->gunzip == NULL) {
        return feed_plain(manifest, bytes, size);
    }
    enum bs_gunzip_outcome outcome = bs_gunzip_feed(manifest->gunzip, bytes, size);
    if (outcome == BS_GUNZIP_WRONG) {
        (void)bs_manifest_emit_problem(manifest, manifest->line, "the gzipped data are damaged");
    }
    return outcome == BS_GUNZIP_GOOD;
}

/* The first two bytes tell whether it is packed. */
static bool begin_unpacking(struct bs_manifest *manifest)
{
    static const uint8_t gzip[2] = {0x1f, 0x8b};
    manifest->unpacked = true;
    if (manifest->magic_size == 2 && memcmp(manifest->magic, gzip, 2) == 0) {
        manifest->gunzip = bs_gunzip_create(feed_plain, manifest);
    }
    return feed_unpacked(manifest, manifest->magic, manifest->magic_size);
}

bool bs_manifest_feed(struct bs_manifest *manifest, const uint8_t *bytes, size_t size)
{
    while (!manifest->unpacked && size > 0) {
        manifest->magic[manifest->magic_size++] = *bytes++;
        size--;
        if (manifest->magic_size == 2 && !begin_unpacking(manifest)) {
            manifest->stopped = true;
        }
    }
    if (!manifest->stopped && !feed_unpacked(manifest, bytes, size)) {
        manifest->stopped = true;
    }
    return !manifest->stopped;
}

void bs_manifest_end(struct bs_manifest *manifest)
{
    if (manifest->stopped || (!manifest->unpacked && !begin_unpacking(manifest))) {
        return;
    }
    if (manifest->gunzip != NULL && !bs_gunzip_whole(manifest->gunzip)) {
        (void)bs_manifest_emit_problem(manifest, manifest->line, "the gzipped data end too early");
        return;
    }
    if (manifest->form == BS_FORM_UNKNOWN && !begin_form(manifest, true)) {
        return;
    }
    switch (manifest->form) {
    case BS_FORM_LINES:
        end_lines(manifest);
        break;
    case BS_FORM_CSV:
    case BS_FORM_INVENTORY:
        bs_manifest_end_csv(manifest);
        break;
    case BS_FORM_LISTING:
        bs_manifest_end_listing(manifest);
        break;
    default:
        break;
    }
}
