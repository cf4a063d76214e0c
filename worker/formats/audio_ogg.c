/* Ogg: the head of a stream tells what it is and where its time begins, its last page where it
 * ends. Where streams follow each other in one object (chained), their beginnings are found by
 * bisection on the serial number, as opusfile does it, and their lengths add up. */
#include "formats/audio_ogg.h"

#include <string.h>

#define WINDOW_BYTES     BS_PROBE_READ_MAX /* holds any page that begins where it does */
#define HEAD_BYTES       16384
#define OVERLAP          (BS_OGG_HEADER_MAX + 18) /* no page's header is cut by both windows */
#define SCAN_BYTES       (WINDOW_BYTES - OVERLAP)
#define HEADER_PACKETS   2  /* OpusHead and OpusTags */
#define HEAD_READS_MAX   32 /* for tags with pictures; beyond, time is taken to begin at 0 */
#define SAMPLES_A_SECOND 48000

enum step {
    STEP_HEAD,   /* pages one by one, to the first that has sound and a time */
    STEP_TAIL,   /* the object's last page */
    STEP_BISECT, /* between a page of the link and one that follows it */
    STEP_SCAN,   /* page by page to where the link ends */
    STEP_BACK,   /* the link's last page that has a time */
};

static const struct {
    const char *sign;
    uint8_t size;
    enum bs_audio_format format;
    const char *name;
} codecs[] = {
    {"OpusHead", 8, BS_AUDIO_OGG_OPUS, "Ogg Opus"},
    {"\x01vorbis", 7, BS_AUDIO_OGG_VORBIS, "Ogg Vorbis"},
    {"\x7f"
     "FLAC",
     5, BS_AUDIO_OGG_OTHER, "Ogg FLAC"},
    {"fLaC", 4, BS_AUDIO_OGG_OTHER, "Ogg FLAC"},
    {"Speex   ", 8, BS_AUDIO_OGG_OTHER, "Ogg Speex"},
    {"\x80theora", 7, BS_AUDIO_OGG_OTHER, "Ogg Theora"},
    {"CELT    ", 8, BS_AUDIO_OGG_OTHER, "Ogg CELT"},
    {"PCM     ", 8, BS_AUDIO_OGG_OTHER, "Ogg PCM"},
    {"OVP80", 5, BS_AUDIO_OGG_OTHER, "Ogg VP8"},
};

static void want(struct bs_probe *probe, enum step step, int64_t offset, int64_t length)
{
    probe->of.ogg.step = (int32_t)step;
    bs_probe_want(probe, offset, length);
}

static bool in_link(const struct bs_ogg_state *ogg, uint32_t serial)
{
    for (int32_t i = 0; i < ogg->serial_count; i++) {
        if (ogg->serials[i] == serial) {
            return true;
        }
    }
    return false;
}

static void begin_link(struct bs_probe *probe, int64_t at)
{
    struct bs_ogg_state *ogg = &probe->of.ogg;
    ogg->link = ogg->at = at;
    ogg->start = ogg->last = -1;
    ogg->head_samples = 0;
    ogg->serial_count = ogg->packets = ogg->open_samples = ogg->head_reads = 0;
    ogg->has_stream = ogg->open = false;
    while (ogg->mark_count > 0 && ogg->marks[ogg->mark_count - 1] <= at) {
        ogg->mark_count--;
    }
}

/* The link ends at `end`. */
static void end_link(struct bs_probe *probe, int64_t end)
{
    struct bs_ogg_state *ogg = &probe->of.ogg;
    if (ogg->start >= 0 && ogg->last - ogg->start > ogg->pre_skip) {
        ogg->seconds += (double)(ogg->last - ogg->start - ogg->pre_skip) / SAMPLES_A_SECOND;
    }
    ogg->first_link = false;
    if (end < probe->audio.size_bytes) {
        begin_link(probe, end);
        want(probe, STEP_HEAD, end, HEAD_BYTES);
        return;
    }
    probe->audio.seconds = ogg->seconds;
    if (ogg->seconds <= 0.0) {
        bs_probe_empty(probe, "no sound follows its headers");
    }
    bs_probe_end(probe);
}

/* ---- the head of a link -------------------------------------------------------------------- */

static void read_opus_head(struct bs_probe *probe, const uint8_t *bytes, size_t size)
{
    struct bs_audio *audio = &probe->audio;
    if (size < 19 || bytes[8] >> 4 != 0 || bytes[9] == 0) {
        bs_probe_broken(probe, "its OpusHead cannot be read");
        return;
    }
    audio->sample_rate_hertz = SAMPLES_A_SECOND;
    if (probe->of.ogg.first_link) {
        audio->original_rate_hertz = bs_le32(bytes + 12);
    }
    audio->channels = audio->channels > bytes[9] ? audio->channels : bytes[9];
    probe->of.ogg.pre_skip = (uint16_t)bs_le16(bytes + 10);
}

static void read_other_head(struct bs_audio *audio, const char *name, const uint8_t *bytes,
                            size_t size)
{
    if (audio->format == BS_AUDIO_OGG_VORBIS && size >= 16) {
        audio->channels = bytes[11];
        audio->sample_rate_hertz = bs_le32(bytes + 12);
    } else if (strcmp(name, "Ogg Speex") == 0 && size >= 52) {
        audio->sample_rate_hertz = bs_le32(bytes + 36);
        audio->channels = bs_le32(bytes + 48);
    } else if (bytes[0] == 0x7f && size >= 35) {
        uint32_t packed = bs_be32(bytes + 27);
        audio->sample_rate_hertz = packed >> 12;
        audio->channels = (packed >> 9 & 7) + 1;
    }
}

/* A stream's first page names its codec. Opus is taken before any other stream beside it. */
static void take_stream(struct bs_probe *probe, const struct bs_ogg_page *page)
{
    struct bs_ogg_state *ogg = &probe->of.ogg;
    size_t size = (size_t)(page->end - page->at) - 27 - page->segments;
    if (ogg->serial_count < BS_OGG_STREAMS_MAX) {
        ogg->serials[ogg->serial_count++] = page->serial;
    }
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs && !ogg->has_stream; i++) {
        if (size < codecs[i].size || memcmp(page->body, codecs[i].sign, codecs[i].size) != 0) {
            continue;
        }
        if (codecs[i].format == BS_AUDIO_OGG_OPUS) {
            ogg->has_stream = true;
            ogg->serial = page->serial;
            ogg->packets = 1;
            read_opus_head(probe, page->body, size);
        }
        if (!ogg->first_link && codecs[i].format != BS_AUDIO_OGG_OPUS) {
            probe->audio.format = BS_AUDIO_OGG_OTHER;
            bs_probe_name(probe, "Ogg Opus chained with %s", codecs[i].name);
        } else if (ogg->first_link && probe->audio.format != BS_AUDIO_BROKEN) {
            probe->audio.format = codecs[i].format;
            bs_probe_name(probe, "%s", codecs[i].name);
            read_other_head(&probe->audio, codecs[i].name, page->body, size);
        }
        return;
    }
}

/* Counts the packets that end on this page of the stream, and the time of those with sound. */
static void take_packets(struct bs_ogg_state *ogg, const struct bs_ogg_page *page)
{
    const uint8_t *bytes = page->body;
    bool begins = (page->flags & BS_OGG_CONTINUED) == 0, lost = !begins && !ogg->open;
    for (int i = 0; i < page->segments; i++) {
        if (begins) {
            ogg->open_samples =
                ogg->packets < HEADER_PACKETS ? 0 : bs_opus_samples(bytes, page->lacing[i]);
        }
        begins = page->lacing[i] < 255;
        if (begins && !lost) {
            ogg->packets++;
            ogg->head_samples += ogg->open_samples;
        }
        lost = lost && !begins;
        bytes += page->lacing[i];
    }
    ogg->open = !begins && !lost;
}

/* The object ends before a page that has sound and a time. */
static void end_without_sound(struct bs_probe *probe)
{
    if (probe->of.ogg.has_stream) {
        end_link(probe, probe->audio.size_bytes);
    } else if (probe->of.ogg.first_link && probe->of.ogg.serial_count > 0) {
        bs_probe_end(probe);
    } else if (probe->of.ogg.first_link) {
        bs_probe_broken(probe, "it ends within its first page: it was cut");
    } else {
        /* What follows the last link is no stream: it does not count. */
        end_link(probe, probe->audio.size_bytes);
    }
}

/* How the link goes on: it is the object's last one, or another one begins before that page. */
static void measure_link(struct bs_probe *probe)
{
    struct bs_ogg_state *ogg = &probe->of.ogg;
    if (in_link(ogg, ogg->tail_serial)) {
        if (ogg->tail_serial == ogg->serial && ogg->tail_granule >= 0) {
            ogg->last = ogg->tail_granule;
            end_link(probe, probe->audio.size_bytes);
            return;
        }
        ogg->high = ogg->back = probe->audio.size_bytes;
        int64_t from = ogg->back - WINDOW_BYTES;
        from = from > ogg->link ? from : ogg->link;
        want(probe, STEP_BACK, from, ogg->back - from);
        return;
    }
    ogg->low = ogg->link;
    while (ogg->mark_count > 1 && in_link(ogg, ogg->mark_serials[ogg->mark_count - 1])) {
        ogg->low = ogg->marks[--ogg->mark_count];
    }
    if (ogg->mark_count == 0) {
        end_link(probe, probe->audio.size_bytes);
        return;
    }
    ogg->high = ogg->limit = ogg->marks[ogg->mark_count - 1];
    bool near = ogg->limit - ogg->low <= SCAN_BYTES;
    want(probe, near ? STEP_SCAN : STEP_BISECT,
         near ? ogg->low : ogg->low + (ogg->limit - ogg->low) / 2, WINDOW_BYTES);
}

/* The head is read. */
static void end_head(struct bs_probe *probe)
{
    struct bs_ogg_state *ogg = &probe->of.ogg;
    if (ogg->tail_read) {
        measure_link(probe);
        return;
    }
    int64_t from = probe->audio.size_bytes - WINDOW_BYTES;
    from = from > ogg->link ? from : ogg->link;
    ogg->back = probe->audio.size_bytes;
    want(probe, STEP_TAIL, from, WINDOW_BYTES);
}

/* False: the head is read, or the probe has ended. */
static bool take_head_page(struct bs_probe *probe, const struct bs_ogg_page *page)
{
    struct bs_ogg_state *ogg = &probe->of.ogg;
    if ((page->flags & BS_OGG_FIRST) != 0) {
        if (page->at > ogg->link && !in_link(ogg, page->serial) && ogg->packets > 1) {
            end_link(probe, page->at);
            return false;
        }
        take_stream(probe, page);
        return probe->audio.format != BS_AUDIO_BROKEN;
    }
    if (!ogg->has_stream && probe->audio.format == BS_AUDIO_OGG_OPUS) {
        bs_probe_broken(probe, "from byte %lld on a stream goes on that never began",
                        (long long)page->at);
        return false;
    }
    if (!ogg->has_stream) {
        if (strcmp(probe->audio.name, "Ogg") == 0) {
            bs_probe_name(probe, "Ogg of no known codec");
        }
        bs_probe_end(probe);
        return false;
    }
    if (page->serial != ogg->serial) {
        return true;
    }
    take_packets(ogg, page);
    if (ogg->packets > HEADER_PACKETS && page->granule >= 0) {
        ogg->start = page->granule > ogg->head_samples ? page->granule - ogg->head_samples : 0;
        end_head(probe);
        return false;
    }
    return true;
}

static void read_head(struct bs_probe *probe, const struct bs_audio_view *view)
{
    struct bs_ogg_state *ogg = &probe->of.ogg;
    struct bs_ogg_page page;
    if (++ogg->head_reads > HEAD_READS_MAX && ogg->has_stream) {
        ogg->start = 0;
        end_head(probe);
        return;
    }
    while (ogg->at < probe->audio.size_bytes) {
        bool enough = view->offset == ogg->at && view->size == WINDOW_BYTES;
        bool is_page = bs_ogg_read_page(probe, view, ogg->at, &page) && page.whole;
        if (!is_page && !enough && !bs_view_is_last(probe, view)) {
            want(probe, STEP_HEAD, ogg->at, WINDOW_BYTES);
            return;
        }
        if (!is_page && !(bs_ogg_find_page(probe, view, ogg->at, &page))) {
            ogg->at = view->offset + (int64_t)view->size - BS_OGG_HEADER_MAX;
            if (bs_view_is_last(probe, view)) {
                break;
            }
            want(probe, STEP_HEAD, ogg->at, WINDOW_BYTES);
            return;
        }
        if (!is_page && page.at > ogg->at) {
            ogg->at = page.at; /* bytes were lost */
            continue;
        }
        if (!take_head_page(probe, &page)) {
            return;
        }
        ogg->at = page.end;
    }
    end_without_sound(probe);
}

/* ---- the ends ------------------------------------------------------------------------------ */

/* The last page that begins in the view and ends below `end`; `of` NULL, or of that stream and with
 * a time. */
static bool find_last_page(const struct bs_probe *probe, const struct bs_audio_view *view,
                           const uint32_t *of, struct bs_ogg_page *page)
{
    const uint8_t *at = view->bytes + view->size;
    while ((at = memrchr(view->bytes, 'O', (size_t)(at - view->bytes))) != NULL) {
        if (bs_ogg_read_page(probe, view, view->offset + (at - view->bytes), page) &&
            (of == NULL || (page->serial == *of && page->granule >= 0))) {
            return true;
        }
    }
    return false;
}

/* Nothing was found from view->offset on: the window below, with an overlap. False when that would
 * be below the link. */
static bool look_below(struct bs_probe *probe, const struct bs_audio_view *view, enum step step)
{
    struct bs_ogg_state *ogg = &probe->of.ogg;
    if (view->offset <= ogg->link) {
        return false;
    }
    ogg->back = view->offset + OVERLAP;
    int64_t from = ogg->back - WINDOW_BYTES;
    from = from > ogg->link ? from : ogg->link;
    want(probe, step, from, ogg->back - from);
    return true;
}

static void read_tail(struct bs_probe *probe, const struct bs_audio_view *view)
{
    struct bs_ogg_state *ogg = &probe->of.ogg;
    struct bs_ogg_page page, timed;
    if (!find_last_page(probe, view, NULL, &page)) {
        if (!look_below(probe, view, STEP_TAIL)) {
            bs_probe_broken(probe, "it has no whole page");
        }
        return;
    }
    ogg->tail_read = true;
    ogg->tail_serial = page.serial;
    ogg->tail_granule = find_last_page(probe, view, &page.serial, &timed) ? timed.granule : -1;
    ogg->marks[0] = page.at;
    ogg->mark_serials[0] = page.serial;
    ogg->mark_count = 1;
    measure_link(probe);
}

static void read_back(struct bs_probe *probe, const struct bs_audio_view *view)
{
    struct bs_ogg_state *ogg = &probe->of.ogg;
    struct bs_ogg_page page;
    if (find_last_page(probe, view, &ogg->serial, &page)) {
        ogg->last = page.granule;
    } else if (look_below(probe, view, STEP_BACK)) {
        return;
    }
    end_link(probe, ogg->high);
}

/* ---- where the next link begins ------------------------------------------------------------- */

static void bisect(struct bs_probe *probe, const struct bs_audio_view *view)
{
    struct bs_ogg_state *ogg = &probe->of.ogg;
    struct bs_ogg_page page;
    if (!bs_ogg_find_page(probe, view, view->offset, &page) || page.at >= ogg->limit) {
        ogg->limit = view->offset;
    } else if (in_link(ogg, page.serial)) {
        ogg->low = page.at;
    } else {
        ogg->high = page.at;
        ogg->limit = view->offset;
        if (ogg->mark_count < BS_OGG_MARKS_MAX) {
            ogg->marks[ogg->mark_count] = page.at;
            ogg->mark_serials[ogg->mark_count++] = page.serial;
        }
    }
    bool near = ogg->limit - ogg->low <= SCAN_BYTES;
    want(probe, near ? STEP_SCAN : STEP_BISECT,
         near ? ogg->low : ogg->low + (ogg->limit - ogg->low) / 2, WINDOW_BYTES);
}

static void scan(struct bs_probe *probe, const struct bs_audio_view *view)
{
    struct bs_ogg_state *ogg = &probe->of.ogg;
    struct bs_ogg_page page;
    for (int64_t at = ogg->low; bs_ogg_find_page(probe, view, at, &page); at = page.end) {
        if (page.at >= ogg->high) {
            break;
        }
        if (!in_link(ogg, page.serial)) {
            ogg->high = page.at;
            break;
        }
        if (page.serial == ogg->serial && page.granule >= 0) {
            ogg->last = page.granule;
        }
    }
    if (ogg->last >= 0) {
        end_link(probe, ogg->high);
        return;
    }
    ogg->back = ogg->high;
    int64_t from = ogg->back - WINDOW_BYTES;
    from = from > ogg->link ? from : ogg->link;
    want(probe, STEP_BACK, from, ogg->back - from);
}

void bs_ogg_feed(struct bs_probe *probe, const struct bs_audio_view *view)
{
    switch (probe->of.ogg.step) {
    case STEP_HEAD:
        read_head(probe, view);
        break;
    case STEP_TAIL:
        read_tail(probe, view);
        break;
    case STEP_BISECT:
        bisect(probe, view);
        break;
    case STEP_SCAN:
        scan(probe, view);
        break;
    default:
        read_back(probe, view);
        break;
    }
}

void bs_ogg_begin(struct bs_probe *probe, const struct bs_audio_view *view, int64_t at)
{
    probe->audio.format = BS_AUDIO_OGG_OTHER;
    bs_probe_name(probe, "Ogg");
    probe->of.ogg = (struct bs_ogg_state){.first_link = true, .tail_granule = -1};
    begin_link(probe, at);
    read_head(probe, view);
}

void bs_ogg_give_up(struct bs_probe *probe)
{
    struct bs_ogg_state *ogg = &probe->of.ogg;
    if (ogg->seconds <= 0.0 || ogg->link <= 0) {
        bs_probe_broken(probe, "its length is not found in %d reads", BS_PROBE_READS_MAX);
        return;
    }
    probe->audio.seconds = ogg->seconds * (double)probe->audio.size_bytes / (double)ogg->link;
    probe->audio.estimated = true;
    bs_probe_end(probe);
}
