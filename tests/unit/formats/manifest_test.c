/* A manifest in any form becomes job messages, keyed by their ids. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/gzip.h"
#include "formats/manifest.h"

#define ETAG "0123456789abcdef0123456789abcdef"

/* What a manifest came to: a line each entry, "line job" or "line! problem"; (skipped) for what is
 * outdated. */
struct reading {
    struct bs_buffer out;
    struct bs_job_defaults defaults;
    int wanted; /* entries until it wants no more; 0 = all */
    char ignored[200];
};

static void print(struct bs_buffer *out, const char *format, ...) BS_PRINTF(2, 3);
static void print(struct bs_buffer *out, const char *format, ...)
{
    char text[2000];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    assert_true(length >= 0 && length < (int)sizeof text);
    bs_buffer_append(out, text, (size_t)length);
}

static bool take(void *context, const struct bs_manifest_entry *entry)
{
    struct reading *reading = context;
    struct bs_manifest_job job = {0};
    struct bs_error error;
    if (entry->problem != NULL) {
        print(&reading->out, "%lld! %s\n", (long long)entry->line, entry->problem);
    } else if (entry->outdated) {
        print(&reading->out, "%lld (skipped)\n", (long long)entry->line);
    } else if (!bs_manifest_job(entry, &reading->defaults, &job, &error)) {
        assert_int_equal(job.key.size + job.value.size + job.uri.size, 0);
        print(&reading->out, "%lld! %s\n", (long long)entry->line, error.message);
    } else {
        print(&reading->out, "%lld %.*s %.*s\n", (long long)entry->line, (int)job.key.size,
              (const char *)job.key.data, (int)job.value.size, (const char *)job.value.data);
    }
    bs_manifest_job_free(&job);
    return --reading->wanted != 0;
}

static void note_ignored(void *context, const char *columns)
{
    struct reading *reading = context;
    (void)snprintf(reading->ignored, sizeof reading->ignored, "%s", columns);
}

/* In pieces of `piece` bytes. Ends with a NUL. */
static void read_pieces(struct reading *reading, struct bs_bytes text, const char *bucket,
                        size_t piece)
{
    const struct bs_manifest_options options = {.entry_bytes = 65536,
                                                .bucket = bucket,
                                                .each = take,
                                                .ignored = note_ignored,
                                                .context = reading};
    struct bs_manifest *manifest = bs_manifest_create(&options);
    bool more = true;
    for (size_t at = 0; more && at < text.size; at += piece) {
        size_t size = text.size - at < piece ? text.size - at : piece;
        more = bs_manifest_feed(manifest, text.data + at, size);
    }
    if (more) {
        bs_manifest_end(manifest);
    }
    bs_manifest_free(manifest);
    bs_buffer_append(&reading->out, "", 1);
}

/* However the bytes arrive, packed or not. */
static void assert_bytes(struct bs_bytes text, const char *bucket, const char *expected)
{
    static const size_t pieces[] = {1, 7, 1 << 20};
    struct bs_buffer packed = {0};
    bs_gzip(text, &packed);
    for (size_t i = 0; i < 6; i++) {
        struct reading reading = {0};
        struct bs_bytes given = i < 3 ? text : (struct bs_bytes){packed.data, packed.size};
        read_pieces(&reading, given, bucket, pieces[i % 3]);
        assert_string_equal((const char *)reading.out.data, expected);
        bs_buffer_free(&reading.out);
    }
    bs_buffer_free(&packed);
}

static void assert_manifest(const char *text, const char *expected)
{
    assert_bytes(fixture_bytes(text), NULL, expected);
}

/* ---- lines ------------------------------------------------------------------------------ */

static void a_link_is_a_job_whose_id_is_the_link(void **state)
{
    (void)state;
    assert_manifest(
        "s3://recordings/a \"b\", c.ogg\r\n"
        "  https://h/b/k.ogg?X-Amz-Signature=secret ",
        "1 s3://recordings/a \"b\", c.ogg {\"id\":\"s3://recordings/a \\\"b\\\", c.ogg\","
        "\"audio\":{\"uri\":\"s3://recordings/a \\\"b\\\", c.ogg\"}}\n"
        "2 https://h/b/k.ogg {\"id\":\"https://h/b/k.ogg\",\"audio\":{\"uri\":"
        "\"https://h/b/k.ogg?X-Amz-Signature=secret\"}}\n");
}

static void an_id_that_would_be_too_long_is_a_hash(void **state)
{
    (void)state;
    char line[400] = "s3://recordings/";
    memset(line + strlen(line), 'k', 300);
    struct reading reading = {0};
    read_pieces(&reading, fixture_bytes(line), NULL, 400);
    assert_memory_equal(reading.out.data, "1 sha256:", 9);
    assert_int_equal(strcspn((const char *)reading.out.data + 9, " "), 64);
    bs_buffer_free(&reading.out);
}

static void a_job_keeps_its_text_and_gets_an_id_where_it_has_none(void **state)
{
    (void)state;
    assert_manifest("{\"id\":\"a\", \"audio\":{\"uri\":\"s3://bb/k\"}}\n"
                    "{ \"audio\":{\"uri\":\"s3://bb/k\"},\"x\":1.50}\n"
                    "s3://bb/among-jobs",
                    "1 a {\"id\":\"a\", \"audio\":{\"uri\":\"s3://bb/k\"}}\n"
                    "2 s3://bb/k {\"id\":\"s3://bb/k\", \"audio\":{\"uri\":\"s3://bb/k\"},"
                    "\"x\":1.50}\n"
                    "3 s3://bb/among-jobs {\"id\":\"s3://bb/among-jobs\","
                    "\"audio\":{\"uri\":\"s3://bb/among-jobs\"}}\n");
}

static void blank_lines_and_remarks_are_passed_over(void **state)
{
    (void)state;
    assert_manifest("\xef\xbb\xbf\n  \t\r\n# s3://bb/no\n\ns3://bb/k\n\n#\n",
                    "5 s3://bb/k {\"id\":\"s3://bb/k\",\"audio\":{\"uri\":\"s3://bb/k\"}}\n");
    assert_manifest("", "");
    assert_manifest("# nothing", "");
    assert_manifest("\n\n", "");
}

static void what_is_no_job_is_told_with_its_line_and_a_reason(void **state)
{
    (void)state;
    const char *const expected =
        "expected s3://bucket/key, an https link to an object, or a JSON object";
    char text[1000];
    (void)snprintf(text, sizeof text,
                   "1! %s\n2! %s\n3! not JSON: at byte 9: the text ends too early\n"
                   "4! audio.uri: expected a string of 1 to 4096 characters\n",
                   expected, expected);
    assert_manifest("call.ogg\ns3://bb/\xff\n{\"audio\":\n{\"audio\":{\"uri\":1}}\n", text);
    const uint8_t nul[] = "s3://bb/a\0b\n";
    (void)snprintf(text, sizeof text, "1! %s\n", expected);
    assert_bytes((struct bs_bytes){nul, sizeof nul - 1}, NULL, text);
}

static void a_line_that_is_too_long_is_told_and_the_next_is_read(void **state)
{
    (void)state;
    struct bs_buffer text = {0};
    bs_buffer_append(&text, "s3://bb/", 8);
    memset(bs_buffer_extend(&text, 200000), 'k', 200000);
    bs_buffer_append(&text, "\ns3://bb/k\n", 11);
    assert_bytes((struct bs_bytes){text.data, text.size}, NULL,
                 "1! larger than limits.job_bytes\n"
                 "2 s3://bb/k {\"id\":\"s3://bb/k\",\"audio\":{\"uri\":\"s3://bb/k\"}}\n");
    bs_buffer_free(&text);
}

/* ---- CSV -------------------------------------------------------------------------------- */

static void a_csv_is_read_by_its_header(void **state)
{
    (void)state;
    assert_manifest(
        "\xef\xbb\xbf"
        "Id,URI,language_code,Model,durationSeconds,size,label.agent,deadline,etag\r\n"
        "a,s3://bb/a.ogg,ru-RU,general,61.5,1000,\"O\"\"Neil, A.\n2nd\",2027-01-31T18:00:00Z,\r\n"
        "\r\n"
        ",\"s3://bb/b, c.ogg\",,,,,,,\"\"\"" ETAG "\"\"\"",
        "2 a {\"audio\":{\"uri\":\"s3://bb/a.ogg\",\"durationSeconds\":61.5,\"sizeBytes\":1000},"
        "\"config\":{\"specification\":{\"languageCode\":\"ru-RU\",\"model\":\"general\"}},"
        "\"labels\":{\"agent\":\"O\\\"Neil, A.\\u000a2nd\"},\"id\":\"a\","
        "\"deadline\":\"2027-01-31T18:00:00Z\"}\n"
        "5 s3://bb/b, c.ogg#" ETAG " {\"id\":\"s3://bb/b, c.ogg#" ETAG "\","
        "\"audio\":{\"uri\":\"s3://bb/b, c.ogg\"}}\n");
}

static void bucket_and_key_semicolons_and_tabs_are_understood(void **state)
{
    (void)state;
    const char *const expected =
        "2 s3://bb/a, b.ogg {\"id\":\"s3://bb/a, b.ogg\",\"audio\":{\"uri\":\"s3://bb/a, b.ogg\","
        "\"durationSeconds\":1.5}}\n";
    assert_manifest("bucket;key;duration\nbb;a, b.ogg;1,5\n", expected);
    assert_manifest("Bucket\tObject Key\tSeconds\nbb\t a, b.ogg \t1.5", expected);
    assert_manifest("uri\ns3://bb/k\n",
                    "2 s3://bb/k {\"id\":\"s3://bb/k\",\"audio\":{\"uri\":\"s3://bb/k\"}}\n");
}

static void a_record_that_does_not_fit_its_header_is_told(void **state)
{
    (void)state;
    assert_manifest("uri,model\n"
                    "s3://bb/a,b.ogg,general\n"
                    "s3://bb/a\n"
                    "s3://bb/k,,\n"
                    "call.ogg,\n"
                    ",x\n"
                    "\"s3://bb/a\"x,\n"
                    "s3://bb/\xff,\n"
                    "\"never closed,\n\n",
                    "2! expected 2 fields as in the header, found 3\n"
                    "3! expected 2 fields as in the header, found 1\n"
                    "4 s3://bb/k {\"id\":\"s3://bb/k\",\"audio\":{\"uri\":\"s3://bb/k\"}}\n"
                    "5! audio.uri: expected s3://bucket/key or an https link to an object\n"
                    "6! no uri\n"
                    "7! a quote within a quoted field that is not doubled\n"
                    "8! not UTF-8\n"
                    "9! a quote that is never closed\n");
    assert_manifest("uri,duration,force\ns3://bb/k,long,\ns3://bb/k,,maybe\n",
                    "2! audio.durationSeconds: expected a number above 0\n"
                    "3! force: expected true or false\n");
}

static void columns_that_mean_nothing_are_named_once(void **state)
{
    (void)state;
    struct reading reading = {0};
    read_pieces(&reading, fixture_bytes("uri,modle,Caller\ns3://bb/k,a,b\n"), NULL, 5);
    assert_string_equal(reading.ignored, "modle, Caller");
    bs_buffer_free(&reading.out);
}

/* ---- listings --------------------------------------------------------------------------- */

#define LISTED(key, extra)                                                                         \
    "{\"Key\":\"" key "\",\"Size\":10,\"ETag\":\"\\\"" ETAG "\\\"\"" extra "}"
#define JOB(line, uri)                                                                             \
    line " " uri "#" ETAG " {\"id\":\"" uri "#" ETAG "\",\"audio\":{\"uri\":\"" uri                \
         "\",\"sizeBytes\":10}}\n"

static void a_listing_is_read_in_pages_that_name_their_bucket_behind_their_objects(void **state)
{
    (void)state;
    assert_manifest(
        "{\n  \"Contents\": [\n    " LISTED("a b.ogg", "") ",\n    " LISTED(
            "}]\\\\ \\u0434",
            ",\"Owner\":{\"ID\":\"[\"}") "\n  ],\n"
                                         "  \"Name\": \"bb\", \"Other\": [\"{\", {\"Contents\": "
                                         "[1]}]\n}\n"
                                         "{\"Name\":\"cc\",\"EncodingType\":\"url\",\"Contents\":"
                                         "[" LISTED("c%2Bd+e%20f", "") "]}",
        JOB("3", "s3://bb/a b.ogg") "4 s3://bb/}]\\ \u0434#" ETAG
                                    " {\"id\":\"s3://bb/}]\\\\ \u0434#" ETAG
                                    "\",\"audio\":{\"uri\":\"s3://bb/}]\\\\ "
                                    "\u0434\",\"sizeBytes\":10}}\n" JOB("8", "s3://cc/c+d e f"));
}

static void a_listing_without_a_name_needs_the_bucket_from_outside(void **state)
{
    (void)state;
    const char *const text = "{\"Contents\":[" LISTED("k", "") "],\"RequestCharged\":null}";
    assert_bytes(fixture_bytes(text), "bb", JOB("1", "s3://bb/k"));
    assert_bytes(fixture_bytes("[" LISTED("k", "") "]"), "bb", JOB("1", "s3://bb/k"));
    assert_manifest(text, "1! the listing does not name its bucket: give it with --bucket\n");
    assert_bytes(fixture_bytes("{\"Name\":\"cc\",\"Contents\":[]}"), "bb",
                 "1! the listing is of another bucket than --bucket says\n");
}

static void another_spelling_of_a_listing_and_its_versions_are_understood(void **state)
{
    (void)state;
    assert_manifest("{\"name\":\"bb\",\"contents\":[{\"key\":\"k\",\"size\":\"10\",\"etag\":\"" ETAG
                    "\",\"last_modified\":\"2024-01-01T00:00:00Z\"}]}",
                    JOB("1", "s3://bb/k"));
    assert_manifest("{\"Name\":\"bb\",\"Versions\":[" LISTED("k", ",\"IsLatest\":true") "," LISTED(
                        "k", ",\"IsLatest\":false") "],\"DeleteMarkers\":[{\"Key\":\"x\"}]}",
                    JOB("1", "s3://bb/k") "1 (skipped)\n");
    assert_manifest("{\"RequestCharged\": null}", "");
}

static void a_listing_that_is_broken_is_told(void **state)
{
    (void)state;
    assert_manifest("{\"Name\":\"bb\",\"Contents\":[" LISTED("k", "") ",",
                    "1! the JSON of the listing ends too early\n");
    assert_manifest("{\"Name\":\"bb\",\"Contents\":[}",
                    "1! not JSON: a bracket that does not belong here\n");
    assert_manifest("{\"Name\":\"bb\",\"Contents\":[{\"Size\":1},\n{\"Key\":\"k\",\"Size\":-1},"
                    "{\"Key\":\"k\" 1}, []]}",
                    "1! expected an object of a listing: with Key, Size and ETag\n"
                    "2! Size: expected an integer\n"
                    "2! expected a comma or }\n"
                    "2! expected an object of a listing: with Key, Size and ETag\n");
    assert_manifest("[\"s3://bb/k\"]", "1! expected objects with Key, Size and ETag\n");
    assert_manifest("{\"sourceBucket\":\"bb\",\"files\":[{\"key\":\"data/x.csv.gz\"}]}",
                    "1! the manifest.json of an S3 Inventory lists only its data files: give "
                    "those\n");
}

static void a_listing_longer_than_what_is_held_is_read_all_the_same(void **state)
{
    (void)state;
    struct bs_buffer text = {0};
    print(&text, "{\"Name\":\"bb\",\"Contents\":[");
    for (int i = 0; i < 100000; i++) {
        print(&text, "%s{\"Key\":\"%090d\"}", i == 0 ? "" : ",", i);
    }
    print(&text, "]}");
    struct reading reading = {0};
    read_pieces(&reading, (struct bs_bytes){text.data, text.size}, NULL, 65536);
    size_t lines = 0;
    for (size_t i = 0; i < reading.out.size; i++) {
        lines += reading.out.data[i] == '\n';
    }
    assert_int_equal(lines, 100000);
    bs_buffer_free(&reading.out);
    bs_buffer_free(&text);
}

/* ---- inventories ------------------------------------------------------------------------ */

static void an_inventory_is_told_by_its_records(void **state)
{
    (void)state;
    assert_manifest("\"bb\",\"a+b%2Bc%D0%B4.ogg\",\"10\",\"2024-05-01T10:00:00.000Z\",\"" ETAG
                    "\",\"STANDARD\"\n",
                    "1 s3://bb/a b+c\u0434.ogg#" ETAG " {\"id\":\"s3://bb/a b+c\u0434.ogg#" ETAG
                    "\",\"audio\":{\"uri\":\"s3://bb/a b+c\u0434.ogg\",\"sizeBytes\":10}}\n");
    assert_manifest("\"bb\",\"k\",\"v1\",\"true\",\"false\",\"10\",\"" ETAG "\"\n"
                    "\"bb\",\"k\",\"v0\",\"false\",\"false\",\"10\",\"" ETAG "\"\n"
                    "\"bb\",\"gone\",\"v2\",\"true\",\"true\",\"\",\"\"\n",
                    JOB("1", "s3://bb/k") "2 (skipped)\n3 (skipped)\n");
    assert_manifest("\"bb\",\"a/k.ogg\"\n",
                    "1 s3://bb/a/k.ogg {\"id\":\"s3://bb/a/k.ogg\",\"audio\":{\"uri\":"
                    "\"s3://bb/a/k.ogg\"}}\n");
    assert_manifest("\"bb\",\"%zz\",\"10\"\n",
                    "1! expected bucket and percent-encoded key, as an S3 Inventory has them\n");
}

/* ---- what is no manifest ---------------------------------------------------------------- */

static void what_cannot_be_read_is_told_once(void **state)
{
    (void)state;
    assert_bytes((struct bs_bytes){(const uint8_t *)"\xff\xfeu\0r\0i\0\n\0", 10}, NULL,
                 "1! the text is UTF-16: save it as UTF-8\n");
    assert_manifest("PAR1\x15\n",
                    "1! Parquet and ORC are not read: have the inventory written as CSV\n");
    struct bs_buffer packed = {0};
    bs_gzip(fixture_bytes("s3://bb/a\ns3://bb/b\n"), &packed);
    struct reading cut = {0}, damaged = {0};
    read_pieces(&cut, (struct bs_bytes){packed.data, packed.size - 9}, NULL, 1);
    assert_non_null(strstr((const char *)cut.out.data, "! the gzipped data end too early\n"));
    packed.data[packed.size - 6] ^= 1;
    read_pieces(&damaged, (struct bs_bytes){packed.data, packed.size}, NULL, 1);
    assert_non_null(strstr((const char *)damaged.out.data, "! the gzipped data are damaged\n"));
    bs_buffer_free(&packed);
    bs_buffer_free(&cut.out);
    bs_buffer_free(&damaged.out);
}

static void packed_files_one_after_the_other_are_one(void **state)
{
    (void)state;
    struct bs_buffer packed = {0};
    bs_gzip(fixture_bytes("s3://bb/a\ns3://b"), &packed);
    bs_gzip(fixture_bytes("b/b\n"), &packed);
    struct reading reading = {0};
    read_pieces(&reading, (struct bs_bytes){packed.data, packed.size}, NULL, 3);
    assert_string_equal((const char *)reading.out.data,
                        "1 s3://bb/a {\"id\":\"s3://bb/a\",\"audio\":{\"uri\":\"s3://bb/a\"}}\n"
                        "2 s3://bb/b {\"id\":\"s3://bb/b\",\"audio\":{\"uri\":\"s3://bb/b\"}}\n");
    bs_buffer_free(&packed);
    bs_buffer_free(&reading.out);
}

static void reading_ends_when_no_more_is_wanted(void **state)
{
    (void)state;
    struct reading reading = {.wanted = 2};
    read_pieces(&reading, fixture_bytes("call\ncall\ncall\ncall\n"), NULL, 100);
    assert_non_null(strstr((const char *)reading.out.data, "2!"));
    assert_null(strstr((const char *)reading.out.data, "3!"));
    bs_buffer_free(&reading.out);
}

/* ---- defaults --------------------------------------------------------------------------- */

static void defaults_fill_what_a_job_does_not_say(void **state)
{
    (void)state;
    static const struct bs_label labels[] = {{"batch", "7"}, {"who", "\"me\""}};
    struct reading reading = {
        .defaults = {.language = "kk-KZ", .model = "general", .labels = labels, .label_count = 2}};
    read_pieces(&reading,
                fixture_bytes("s3://bb/k\n"
                              "{\"audio\":{\"uri\":\"s3://bb/j\"},\"labels\":{\"who\":\"you\"},"
                              "\"config\":{\"specification\":{\"model\":\"x\"}}}\n"
                              "{\"id\":\"a\",\"audio\":{\"uri\":\"s3://bb/j\"}}\n"),
                NULL, 100);
    assert_string_equal(
        (const char *)reading.out.data,
        "1 s3://bb/k {\"id\":\"s3://bb/k\",\"audio\":{\"uri\":\"s3://bb/k\"},"
        "\"config\":{\"specification\":{\"languageCode\":\"kk-KZ\",\"model\":\"general\"}},"
        "\"labels\":{\"batch\":\"7\",\"who\":\"\\\"me\\\"\"}}\n"
        "2 s3://bb/j {\"id\":\"s3://bb/j\",\"audio\":{\"uri\":\"s3://bb/j\"},"
        "\"labels\":{\"who\":\"you\",\"batch\":\"7\"},"
        "\"config\":{\"specification\":{\"model\":\"x\",\"languageCode\":\"kk-KZ\"}}}\n"
        "3 a {\"id\":\"a\",\"audio\":{\"uri\":\"s3://bb/j\"},"
        "\"config\":{\"specification\":{\"languageCode\":\"kk-KZ\",\"model\":\"general\"}},"
        "\"labels\":{\"batch\":\"7\",\"who\":\"\\\"me\\\"\"}}\n");
    bs_buffer_free(&reading.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_is_a_job_whose_id_is_the_link),
        cmocka_unit_test(an_id_that_would_be_too_long_is_a_hash),
        cmocka_unit_test(a_job_keeps_its_text_and_gets_an_id_where_it_has_none),
        cmocka_unit_test(blank_lines_and_remarks_are_passed_over),
        cmocka_unit_test(what_is_no_job_is_told_with_its_line_and_a_reason),
        cmocka_unit_test(a_line_that_is_too_long_is_told_and_the_next_is_read),
        cmocka_unit_test(a_csv_is_read_by_its_header),
        cmocka_unit_test(bucket_and_key_semicolons_and_tabs_are_understood),
        cmocka_unit_test(a_record_that_does_not_fit_its_header_is_told),
        cmocka_unit_test(columns_that_mean_nothing_are_named_once),
        cmocka_unit_test(a_listing_is_read_in_pages_that_name_their_bucket_behind_their_objects),
        cmocka_unit_test(a_listing_without_a_name_needs_the_bucket_from_outside),
        cmocka_unit_test(another_spelling_of_a_listing_and_its_versions_are_understood),
        cmocka_unit_test(a_listing_that_is_broken_is_told),
        cmocka_unit_test(a_listing_longer_than_what_is_held_is_read_all_the_same),
        cmocka_unit_test(an_inventory_is_told_by_its_records),
        cmocka_unit_test(what_cannot_be_read_is_told_once),
        cmocka_unit_test(packed_files_one_after_the_other_are_one),
        cmocka_unit_test(reading_ends_when_no_more_is_wanted),
        cmocka_unit_test(defaults_fill_what_a_job_does_not_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
