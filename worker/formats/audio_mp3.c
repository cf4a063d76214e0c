/* MP3: a first frame that tells how many follow (Xing, Info, VBRI), or the frames' own rate and the
 * object's size; and where the rate varies and nothing tells, frames that are counted. What counts
 * is every frame, encoder's delay and padding with them. */
#include "formats/audio_mp3.h"

#include <math.h>
#include <string.h>

#define WINDOW_BYTES   32768  /* holds a first frame and those that confirm it, of any rate */
#define PLACE_BYTES    8192   /* five frames of the highest rate, and more of others */
#define JUNK_BYTES_MAX 131072 /* before the first frame */
#define REST_BYTES_MIN 4096   /* after what a header tells of: less is a tag, or a frame */
#define COUNTED_MAX    4194304
#define PLACES_FEW     3
#define PLACES_MANY    60
#define FRAME_MIN      20
#define FRAME_MAX      5760

enum step {
    STEP_FIRST, /* the first frame */
    STEP_NEXT,  /* another one with a header, after what the last header told of */
    STEP_END,   /* where the frames end */
    STEP_PLACE, /* frames here and there: whether their rate is the same */
    STEP_COUNT, /* all of them */
};

static void want(struct bs_probe *probe, enum step step, int64_t offset, int64_t length)
{
    probe->of.mp3.step = (int32_t)step;
    bs_probe_want(probe, offset, length);
}

static void end_with(struct bs_probe *probe, double seconds)
{
    probe->audio.seconds = seconds;
    if (!(seconds > 0.0)) {
        bs_probe_empty(probe, "it has no whole frame");
    }
    bs_probe_end(probe);
}

/* ---- the end of the frames ------------------------------------------------------------------ */

/* Bytes of the tag that ends at `end`, 0 = none. */
static int64_t end_tag(const struct bs_audio_view *view, int64_t end)
{
    size_t size;
    const uint8_t *bytes;
    if (bs_view_has(view, end - 128, 128)) {
        bytes = bs_view_from(view, end - 128, &size);
        if (memcmp(bytes, "TAG", 3) == 0) {
            return 128;
        }
    }
    if (bs_view_has(view, end - 227, 227)) {
        bytes = bs_view_from(view, end - 227, &size);
        if (memcmp(bytes, "TAG+", 4) == 0) {
            return 227;
        }
    }
    if (!bs_view_has(view, end - 32, 32)) {
        return 0;
    }
    bytes = bs_view_from(view, end - 32, &size);
    if (memcmp(bytes, "APETAGEX", 8) == 0) {
        return (int64_t)bs_le32(bytes + 12) + ((bytes[23] & 0x80) != 0 ? 32 : 0);
    }
    if (memcmp(bytes + 23, "LYRICS200", 9) == 0) {
        int64_t length = 0;
        for (int i = 17; i < 23; i++) {
            length = length * 10 + (bytes[i] >= '0' && bytes[i] <= '9' ? bytes[i] - '0' : 0);
        }
        return length + 15;
    }
    if (memcmp(bytes + 22, "3DI", 3) == 0) {
        return ((int64_t)(bytes[28] & 0x7f) << 21 | (bytes[29] & 0x7f) << 14 |
                (bytes[30] & 0x7f) << 7 | (bytes[31] & 0x7f)) +
               20;
    }
    return 0;
}

/* Some frames, of any rate. */
static int64_t window_of(const struct bs_mp3_state *mp3)
{
    return 6 * mp3->unpadded_length > PLACE_BYTES ? WINDOW_BYTES : PLACE_BYTES;
}

static void go_to_end(struct bs_probe *probe)
{
    int64_t end = probe->audio.size_bytes, first = probe->of.mp3.first;
    int64_t from = end - window_of(&probe->of.mp3);
    from = from > first ? from : first;
    want(probe, STEP_END, from, end - from);
}

static void go_to_place(struct bs_probe *probe)
{
    struct bs_mp3_state *mp3 = &probe->of.mp3;
    int64_t frames = mp3->end - mp3->first;
    int64_t at = mp3->first + frames / (2 * mp3->places) * (2 * mp3->place + 1);
    want(probe, STEP_PLACE, at, window_of(mp3));
}

static void count_all(struct bs_probe *probe)
{
    struct bs_mp3_state *mp3 = &probe->of.mp3;
    mp3->at = mp3->first;
    mp3->samples = 0;
    want(probe, STEP_COUNT, mp3->at, BS_PROBE_READ_MAX);
}

/* ---- frames that are counted ---------------------------------------------------------------- */

/* The frame at `at`, with its length. */
static bool read_like(const struct bs_mp3_state *mp3, const uint8_t *bytes, size_t size,
                      struct bs_mpeg_frame *frame)
{
    if (!bs_mpeg_read(bytes, size, frame) || !bs_mpeg_alike(mp3->like, frame->header)) {
        return false;
    }
    if (frame->bit_rate == 0) {
        frame->length = mp3->unpadded_length + frame->padding;
    }
    return true;
}

/* The frames from `at` on that the view holds the beginnings of; where the next one is. */
static int64_t take_frames(struct bs_mp3_state *mp3, const struct bs_audio_view *view, int64_t at)
{
    for (;;) {
        struct bs_mpeg_frame frame;
        size_t size;
        const uint8_t *bytes = bs_view_from(view, at, &size);
        if (!read_like(mp3, bytes, size, &frame) ||
            (mp3->end > 0 && at + frame.length > mp3->end)) {
            return at;
        }
        mp3->samples += frame.samples;
        mp3->bytes += frame.length;
        mp3->one_bit_rate = mp3->one_bit_rate && frame.bit_rate == mp3->bit_rate;
        mp3->padded = mp3->padded || frame.padding > 0;
        at += frame.length;
    }
}

/* The last frame ends before the tags, and before padding where there is some. */
static void read_end(struct bs_probe *probe, const struct bs_audio_view *view)
{
    struct bs_mp3_state *mp3 = &probe->of.mp3;
    mp3->end = probe->audio.size_bytes;
    for (int64_t length; (length = end_tag(view, mp3->end)) > 0; mp3->end -= length) {
        if (length >= mp3->end - mp3->first) {
            break;
        }
    }
    if (mp3->end - mp3->first <= BS_PROBE_READ_MAX) {
        count_all(probe);
        return;
    }
    int64_t at = view->offset, last = 0;
    struct bs_mpeg_frame frame;
    while (bs_mpeg_find(probe, view, at, mp3->like, &at, &frame) == BS_MPEG_FOUND &&
           at + frame.length <= mp3->end) {
        int64_t next = take_frames(mp3, view, at);
        last = next > at ? next : last;
        at = next > at ? next : at + 1;
    }
    if (last > 0) {
        mp3->end = last;
    } else if (mp3->end > view->offset) {
        mp3->one_bit_rate = false;
    }
    mp3->places = PLACES_FEW;
    go_to_place(probe);
}

/* All frames have one rate: their bytes tell the time. Encoders that never pad a frame stay below
 * the rate that they name; a free rate has no name. */
static double constant_seconds(const struct bs_mp3_state *mp3)
{
    double bytes = (double)(mp3->end - mp3->first), rate = mp3->rate;
    double counted = (double)mp3->bytes / (double)mp3->samples;
    double named = mp3->bit_rate / 8.0 / rate;
    if (mp3->bit_rate > 0 && fabs(counted / named - 1.0) < 0.0005) {
        return bytes / named / rate;
    }
    if (!mp3->padded) {
        counted = (double)mp3->unpadded_length / mp3->samples_a_frame;
    }
    return bytes / counted / rate;
}

/* What was found by looking at frames, and headers that seem to tell of less: they are believed
 * where both agree. */
static void end_measured(struct bs_probe *probe, double seconds)
{
    double told = probe->of.mp3.told_seconds;
    end_with(probe, fabs(seconds - told) <= told * 0.05 ? told : seconds);
}

static void read_place(struct bs_probe *probe, const struct bs_audio_view *view)
{
    struct bs_mp3_state *mp3 = &probe->of.mp3;
    struct bs_mpeg_frame frame;
    int64_t at;
    if (bs_mpeg_find(probe, view, view->offset, mp3->like, &at, &frame) == BS_MPEG_FOUND) {
        take_frames(mp3, view, at);
    } else {
        /* Padding, or half of a tag: not all of it is frames. */
        mp3->one_bit_rate = false;
        mp3->bytes += (int64_t)view->size;
    }
    if (++mp3->place < mp3->places) {
        go_to_place(probe);
    } else if (mp3->one_bit_rate) {
        end_measured(probe, constant_seconds(mp3));
    } else if (mp3->end - mp3->first <= COUNTED_MAX) {
        count_all(probe);
    } else if (mp3->places == PLACES_FEW) {
        mp3->places = PLACES_MANY;
        mp3->place = 0;
        mp3->samples = mp3->bytes = 0;
        go_to_place(probe);
    } else {
        double samples = (double)(mp3->end - mp3->first) * (double)mp3->samples;
        probe->audio.estimated = true;
        end_measured(probe, mp3->bytes > 0 ? samples / (double)mp3->bytes / mp3->rate : 0.0);
    }
}

static void count(struct bs_probe *probe, const struct bs_audio_view *view)
{
    struct bs_mp3_state *mp3 = &probe->of.mp3;
    struct bs_mpeg_frame frame;
    int64_t view_end = view->offset + (int64_t)view->size;
    for (;;) {
        mp3->at = take_frames(mp3, view, mp3->at);
        if (mp3->at + BS_MPEG_HEADER > view_end) {
            break;
        }
        int64_t at;
        enum bs_mpeg_search found = bs_mpeg_find(probe, view, mp3->at, mp3->like, &at, &frame);
        mp3->at = at;
        if (found != BS_MPEG_FOUND) {
            break;
        }
        if (at + frame.length > mp3->end) {
            mp3->at = mp3->end;
            break;
        }
        int64_t next = take_frames(mp3, view, at);
        mp3->at = next > at ? next : at + 1; /* a free format's frame may have another length */
    }
    if (mp3->at + BS_MPEG_HEADER > mp3->end) {
        end_measured(probe, (double)mp3->samples / mp3->rate);
        return;
    }
    mp3->at = mp3->at > view->offset ? mp3->at : view_end;
    if (mp3->at >= mp3->end) {
        end_measured(probe, (double)mp3->samples / mp3->rate);
        return;
    }
    want(probe, STEP_COUNT, mp3->at, BS_PROBE_READ_MAX);
}

/* ---- what headers tell ---------------------------------------------------------------------- */

/* Takes what a header tells of the frames from `at` on, and looks at what follows them. False: it
 * tells nothing that can be true. */
static bool take_summary(struct bs_probe *probe, int64_t at, const struct bs_mpeg_frame *frame,
                         const struct bs_mpeg_summary *summary)
{
    struct bs_mp3_state *mp3 = &probe->of.mp3;
    int64_t rest = probe->audio.size_bytes - at;
    int64_t bytes = summary->bytes > 0 ? summary->bytes : rest, frames = summary->frames;
    if (frames == 0 || frames * FRAME_MIN > bytes || bytes > (frames + 1) * FRAME_MAX) {
        return false;
    }
    /* Of a recording that was cut, what is there counts. */
    double part = bytes > rest ? (double)rest / (double)bytes : 1.0;
    mp3->told_seconds += part * (double)frames * frame->samples / frame->rate;
    if (rest - bytes < REST_BYTES_MIN) {
        end_with(probe, mp3->told_seconds);
    } else {
        want(probe, STEP_NEXT, at + bytes, WINDOW_BYTES);
    }
    return true;
}

/* Recordings that were put one after the other each have their header. */
static void read_next(struct bs_probe *probe, const struct bs_audio_view *view)
{
    struct bs_mp3_state *mp3 = &probe->of.mp3;
    struct bs_mpeg_frame frame;
    struct bs_mpeg_summary summary;
    int64_t at = view->offset;
    size_t size;
    const uint8_t *bytes = bs_view_from(view, at, &size);
    int64_t tag = bs_id3v2_length(bytes, size);
    if (tag > 0 && at + tag < probe->audio.size_bytes) {
        want(probe, STEP_NEXT, at + tag, WINDOW_BYTES);
        return;
    }
    if (tag > 0 || bs_mpeg_find(probe, view, at, 0, &at, &frame) != BS_MPEG_FOUND ||
        frame.layer != 3) {
        end_with(probe, mp3->told_seconds);
        return;
    }
    bytes = bs_view_from(view, at, &size);
    if (bs_mpeg_read_summary(bytes, size, &frame, &summary) &&
        take_summary(probe, at, &frame, &summary)) {
        return;
    }
    if (!bs_mpeg_alike(mp3->like, frame.header)) {
        end_with(probe, mp3->told_seconds);
        return;
    }
    go_to_end(probe);
}

/* ---- the first frame ------------------------------------------------------------------------ */

static void end_without_frame(struct bs_probe *probe)
{
    if (probe->of.mp3.tagged) {
        bs_probe_name(probe, "MP3");
        bs_probe_broken(probe, "no MPEG frame follows its ID3 tag");
    } else {
        bs_probe_unknown(probe);
    }
}

static void take_first(struct bs_probe *probe, const struct bs_audio_view *view, int64_t at,
                       const struct bs_mpeg_frame *frame)
{
    static const char *const layers[] = {"", "I", "II", "III"};
    struct bs_mp3_state *mp3 = &probe->of.mp3;
    struct bs_audio *audio = &probe->audio;
    audio->sample_rate_hertz = (uint32_t)frame->rate;
    audio->channels = (uint32_t)frame->channels;
    if (frame->layer != 3) {
        audio->format = BS_AUDIO_OTHER_KNOWN;
        if (frame->layer == 4) {
            bs_probe_name(probe, "AAC (ADTS)");
        } else {
            bs_probe_name(probe, "MPEG audio layer %s", layers[frame->layer]);
        }
        bs_probe_end(probe);
        return;
    }
    audio->format = BS_AUDIO_MP3;
    bs_probe_name(probe, "MP3");
    *mp3 = (struct bs_mp3_state){.first = at,
                                 .like = frame->header,
                                 .rate = frame->rate,
                                 .samples_a_frame = frame->samples,
                                 .bit_rate = frame->bit_rate,
                                 .unpadded_length = frame->length - frame->padding,
                                 .one_bit_rate = true};
    size_t size;
    const uint8_t *bytes = bs_view_from(view, at, &size);
    struct bs_mpeg_summary summary;
    bool has_summary = bs_mpeg_read_summary(bytes, size, frame, &summary);
    if (has_summary && take_summary(probe, at, frame, &summary)) {
        return;
    }
    if (has_summary && (int64_t)size > frame->length) {
        /* A header that tells nothing, and may have another rate than the sound. */
        struct bs_mpeg_frame second;
        if (frame->bit_rate > 0 &&
            bs_mpeg_read(bytes + frame->length, size - (size_t)frame->length, &second) &&
            bs_mpeg_alike(frame->header, second.header) && second.bit_rate > 0) {
            mp3->first += frame->length;
            mp3->bit_rate = second.bit_rate;
            mp3->unpadded_length = second.length - second.padding;
        }
    }
    take_frames(mp3, view, mp3->first);
    go_to_end(probe);
}

static void read_first(struct bs_probe *probe, const struct bs_audio_view *view)
{
    struct bs_mp3_state *mp3 = &probe->of.mp3;
    struct bs_mpeg_frame frame;
    for (;;) {
        int64_t at;
        enum bs_mpeg_search found = bs_mpeg_find(probe, view, mp3->at, 0, &at, &frame);
        if (found == BS_MPEG_FOUND) {
            take_first(probe, view, at, &frame);
            return;
        }
        mp3->at = at;
        if (found == BS_MPEG_UNDECIDED && at == view->offset && view->size >= WINDOW_BYTES) {
            mp3->at++; /* its frames are too long to be ones */
            continue;
        }
        break;
    }
    if (bs_view_is_last(probe, view) || mp3->at - mp3->begin > JUNK_BYTES_MAX) {
        end_without_frame(probe);
        return;
    }
    want(probe, STEP_FIRST, mp3->at, mp3->at == view->offset ? WINDOW_BYTES : BS_PROBE_READ_MAX);
}

void bs_mp3_begin(struct bs_probe *probe, const struct bs_audio_view *view, int64_t at, bool tagged)
{
    probe->of.mp3 = (struct bs_mp3_state){.begin = at, .at = at, .tagged = tagged};
    read_first(probe, view);
}

void bs_mp3_feed(struct bs_probe *probe, const struct bs_audio_view *view)
{
    switch (probe->of.mp3.step) {
    case STEP_FIRST:
        read_first(probe, view);
        break;
    case STEP_NEXT:
        read_next(probe, view);
        break;
    case STEP_END:
        read_end(probe, view);
        break;
    case STEP_PLACE:
        read_place(probe, view);
        break;
    default:
        count(probe, view);
        break;
    }
}
