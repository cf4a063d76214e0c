/* CSV data of an S3 Inventory: no header, bucket and key first, then what was asked for when the
 * inventory was set up. The rest is told by what it looks like. */
#include <string.h>

#include "formats/manifest_parts.h"

static bool is_flag(const char *text)
{
    return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
}

static bool is_size(const char *text)
{
    size_t length = strlen(text);
    return length > 0 && length <= 15 && strspn(text, "0123456789") == length;
}

/* MD5 as hex, with "-N" behind it after an upload in N parts. */
static bool is_etag(const char *text)
{
    size_t hex = strspn(text, "0123456789abcdefABCDEF");
    return hex == 32 && (text[hex] == '\0' || (text[hex] == '-' && is_size(text + hex + 1)));
}

static bool is_time(const char *text, bs_wall_ms *moment)
{
    return bs_rfc3339_parse(text, strlen(text), moment);
}

/* Version id, whether it is the latest, whether it is a delete marker. */
static bool has_versions(const struct bs_csv *record)
{
    return record->count >= 5 && is_flag(bs_csv_text(record, 3)) && is_flag(bs_csv_text(record, 4));
}

bool bs_inventory_is(const struct bs_csv *record)
{
    bs_wall_ms moment;
    if (record->problem != NULL || record->delimiter != ',' || record->count < 2 ||
        !bs_manifest_is_bucket(bs_csv_text(record, 0)) || record->fields[1].size == 0) {
        return false;
    }
    for (size_t i = 2; i < record->count; i++) {
        const char *text = bs_csv_text(record, i);
        if (is_flag(text) || is_size(text) || is_etag(text) || is_time(text, &moment)) {
            return true;
        }
    }
    return record->count == 2 && record->fields[0].quoted && record->fields[1].quoted &&
           strpbrk(bs_csv_text(record, 1), "./%") != NULL;
}

static void read_facts(const struct bs_csv *record, struct bs_manifest_entry *entry)
{
    size_t first = has_versions(record) ? 5 : 2;
    for (size_t i = first; i < record->count; i++) {
        const char *text = bs_csv_text(record, i);
        if (entry->size_bytes < 0 && is_size(text)) {
            entry->size_bytes = 0;
            for (; *text != '\0'; text++) {
                entry->size_bytes = entry->size_bytes * 10 + (*text - '0');
            }
        } else if (entry->version == NULL && is_etag(text)) {
            entry->version = text;
        } else if (entry->modified == 0 && !is_time(text, &entry->modified)) {
            entry->modified = 0;
        }
    }
    if (first == 5) {
        entry->outdated = strcmp(bs_csv_text(record, 3), "true") != 0 ||
                          strcmp(bs_csv_text(record, 4), "false") != 0;
    }
}

bool bs_inventory_take(struct bs_manifest *manifest, const struct bs_csv *record)
{
    const char *problem = record->problem;
    struct bs_manifest_entry entry = {
        .line = record->record_line, .listed = true, .size_bytes = -1};
    manifest->key.size = 0;
    manifest->text.size = 0;
    if (problem == NULL &&
        (record->count < 2 || !bs_manifest_decode_key(bs_csv_text(record, 1), &manifest->key) ||
         !bs_manifest_uri(bs_csv_text(record, 0), (const char *)manifest->key.data,
                          &manifest->text))) {
        problem = "expected bucket and percent-encoded key, as an S3 Inventory has them";
    }
    if (problem != NULL) {
        return bs_manifest_emit_problem(manifest, record->record_line, problem);
    }
    read_facts(record, &entry);
    entry.text = (struct bs_bytes){manifest->text.data, manifest->text.size};
    return bs_manifest_emit(manifest, entry);
}
