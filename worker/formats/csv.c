#include "formats/csv.h"

enum {
    STATE_BEGIN, /* of a field */
    STATE_PLAIN,
    STATE_QUOTED,
    STATE_QUOTE, /* a quote within a quoted field: its end, or the first of two */
};

static void begin_record(struct bs_csv *csv)
{
    csv->open = true;
    csv->record_line = csv->line;
    csv->problem = NULL;
    csv->text.size = 0;
    csv->count = 0;
    csv->record_bytes = 0;
    csv->state = STATE_BEGIN;
    csv->fields[0] = (struct bs_csv_field){0};
}

static void end_field(struct bs_csv *csv)
{
    struct bs_csv_field *field = &csv->fields[csv->count];
    size_t end = csv->text.size;
    while (!field->quoted && end > field->at &&
           (csv->text.data[end - 1] == ' ' || csv->text.data[end - 1] == '\t')) {
        end--;
    }
    csv->text.size = end;
    field->size = end - field->at;
    bs_buffer_append(&csv->text, "", 1);
    csv->state = STATE_BEGIN;
    if (csv->count + 1 < BS_CSV_FIELDS_MAX) {
        csv->count++;
    } else {
        csv->problem = "more than 200 fields";
        csv->text.size = field->at; /* read anew, so that memory stays bounded */
    }
    csv->fields[csv->count] = (struct bs_csv_field){.at = csv->text.size};
}

static void append(struct bs_csv *csv, uint8_t byte)
{
    if (byte == 0) {
        csv->problem = "a NUL";
    } else if (csv->problem == NULL) {
        bs_buffer_append(&csv->text, &byte, 1);
    }
}

/* One byte that is no end of a record. */
static void take(struct bs_csv *csv, uint8_t byte)
{
    bool delimiter = byte == (uint8_t)csv->delimiter;
    switch (csv->state) {
    case STATE_QUOTED:
        if (byte == '"') {
            csv->state = STATE_QUOTE;
        } else {
            append(csv, byte);
        }
        return;
    case STATE_QUOTE:
        if (byte == '"') {
            append(csv, byte);
            csv->state = STATE_QUOTED;
        } else if (delimiter) {
            end_field(csv);
        } else if (byte != ' ' && byte != '\t' && byte != '\r') {
            csv->problem = "a quote within a quoted field that is not doubled";
        }
        return;
    default:
        break;
    }
    if (delimiter) {
        end_field(csv);
    } else if (csv->state == STATE_BEGIN && byte == '"') {
        csv->fields[csv->count].quoted = true;
        csv->state = STATE_QUOTED;
    } else if (csv->state == STATE_PLAIN || (byte != ' ' && byte != '\t')) {
        csv->state = STATE_PLAIN;
        append(csv, byte);
    }
}

static void end_record(struct bs_csv *csv)
{
    struct bs_csv_field *last = &csv->fields[csv->count];
    if (csv->state == STATE_PLAIN && csv->text.size > last->at &&
        csv->text.data[csv->text.size - 1] == '\r') {
        csv->text.size--;
    }
    end_field(csv);
    csv->open = false;
}

size_t bs_csv_read(struct bs_csv *csv, const uint8_t *bytes, size_t size, bool *whole)
{
    *whole = false;
    for (size_t at = 0; at < size; at++) {
        if (!csv->open) {
            begin_record(csv);
        }
        csv->line += bytes[at] == '\n';
        if (bytes[at] == '\n' && csv->state != STATE_QUOTED) {
            end_record(csv);
            *whole = true;
            return at + 1;
        }
        if (++csv->record_bytes > csv->limit) {
            csv->problem = "larger than limits.job_bytes";
        }
        take(csv, bytes[at]);
    }
    return size;
}

bool bs_csv_end(struct bs_csv *csv)
{
    if (!csv->open) {
        return false;
    }
    if (csv->state == STATE_QUOTED) {
        csv->problem = "a quote that is never closed";
    }
    end_record(csv);
    return true;
}

const char *bs_csv_text(const struct bs_csv *csv, size_t field)
{
    return (const char *)csv->text.data + csv->fields[field].at;
}

bool bs_csv_blank(const struct bs_csv *csv)
{
    return csv->problem == NULL && csv->count == 1 && csv->fields[0].size == 0 &&
           !csv->fields[0].quoted;
}

void bs_csv_free(struct bs_csv *csv)
{
    bs_buffer_free(&csv->text);
}
