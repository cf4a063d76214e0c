/* The service's time, which the quota's windows are counted in. This machine's wall clock may be
 * set while we run, and differs from the other workers': it is where the service's time is believed
 * to be only until the first answer. From then on monotonic time carries it, and each answer's Date
 * keeps it within a second or so. */
#include "core/internal.h"

#define DATE_RESOLUTION_MS 1000
#define LEAST_TOLERANCE_MS 2000
#define JUMP_MS            1000
#define DOUBT_RETRY_MS     1000
#define OFF_RETRY_MS       60000
#define DOUBT_AGREEMENT_MS 5000

bs_wall_ms bs_clock_service_time(const struct bs_core *core)
{
    return core->now.mono + core->clock.offset_ms;
}

int64_t bs_clock_error_ms(const struct bs_core *core)
{
    const struct bs_clock *clock = &core->clock;
    return clock->doubted ? -clock->doubt_ms : core->now.wall - bs_clock_service_time(core);
}

static int64_t distance(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

static int64_t tolerance_ms(const struct bs_core *core)
{
    int64_t sixtieth = core->options.window_ms / 60;
    return sixtieth < LEAST_TOLERANCE_MS ? LEAST_TOLERANCE_MS : sixtieth;
}

void bs_clock_step(struct bs_core *core)
{
    struct bs_clock *clock = &core->clock;
    int64_t wall_offset_ms = core->now.wall - core->now.mono;
    if (!clock->started) {
        clock->started = true;
        clock->offset_ms = wall_offset_ms;
    } else if (clock->off && distance(wall_offset_ms, clock->wall_offset_ms) > JUMP_MS) {
        clock->retry_at = core->now.mono; /* somebody has set it: ask again */
    }
    clock->wall_offset_ms = wall_offset_ms;
}

bool bs_clock_allows(const struct bs_core *core)
{
    const struct bs_clock *clock = &core->clock;
    if (clock->known && !clock->off) {
        return true;
    }
    return core->submits_under_way + core->checks_under_way == 0 &&
           (!clock->off || core->now.mono >= clock->retry_at);
}

static void judge(struct bs_core *core)
{
    struct bs_clock *clock = &core->clock;
    bool off = clock->doubted ||
               distance(core->now.wall, bs_clock_service_time(core)) > tolerance_ms(core);
    if (off) {
        clock->retry_at = core->now.mono + (clock->doubted ? DOUBT_RETRY_MS : OFF_RETRY_MS);
    }
    if (off && !clock->off) {
        bs_core_notice(core, BS_LOG_ERROR, NULL, NULL,
                       "this machine's clock differs from the service's by %lld s: nothing is sent "
                       "until it is set",
                       (long long)(bs_clock_error_ms(core) / 1000));
    } else if (!off && clock->off) {
        bs_core_notice(core, BS_LOG_INFO, NULL, NULL,
                       "this machine's clock agrees with the service's again");
    }
    clock->off = off;
}

void bs_clock_event(struct bs_core *core, const struct bs_event *event)
{
    struct bs_clock *clock = &core->clock;
    int64_t round_trip_ms = event->date.round_trip_ms > 0 ? event->date.round_trip_ms : 0;
    bs_wall_ms ours = bs_clock_service_time(core);
    bs_wall_ms earliest = event->date.date;
    bs_wall_ms latest = event->date.date + DATE_RESOLUTION_MS + round_trip_ms;
    int64_t move = ours < earliest ? earliest - ours : ours > latest ? latest - ours : 0;
    if (distance(move, 0) > tolerance_ms(core) &&
        !(clock->doubted && distance(move, clock->doubt_ms) <= DOUBT_AGREEMENT_MS)) {
        clock->doubted = true; /* one Date alone moves no window so far */
        clock->doubt_ms = move;
        judge(core);
        return;
    }
    clock->doubted = false;
    clock->offset_ms += move;
    if (distance(move, 0) > LEAST_TOLERANCE_MS) {
        bs_quota_date_anew(core);
    }
    if (!clock->known) {
        clock->known = true;
        bs_quota_time_known(core, move > 0);
    }
    judge(core);
    bs_quota_step(core); /* the ledgers by the new time, before anything is reserved by them */
}

void bs_clock_answered(struct bs_core *core, const struct bs_answer *answer)
{
    /* A service that tells no Date is believed to share our clock. */
    if (answer->http_status != 0 && !core->clock.known && !core->clock.doubted) {
        core->clock.known = true;
        bs_quota_time_known(core, false);
    }
}
