/* The names that metrics, logs and headers use. */
#include "core/core.h"

#define NAME_OF(table, index)                                                                      \
    ((size_t)(index) < sizeof(table) / sizeof *(table) && (table)[index] != NULL ? (table)[index]  \
                                                                                 : "unknown")

const char *bs_stage_name(enum bs_stage stage)
{
    static const char *const names[] = {"intake", "probe", "submit", "check", "publish"};
    return NAME_OF(names, stage);
}

const char *bs_dead_letter_code_name(enum bs_dead_letter_code code)
{
    static const char *const names[BS_DEAD_CODES] = {
        [BS_DEAD_NONE] = "none",
        [BS_DEAD_INVALID_JOB] = "invalid_job",
        [BS_DEAD_ID_CONFLICT] = "id_conflict",
        [BS_DEAD_UNSUPPORTED_AUDIO] = "unsupported_audio",
        [BS_DEAD_AUDIO_TOO_LONG] = "audio_too_long",
        [BS_DEAD_AUDIO_TOO_LARGE] = "audio_too_large",
        [BS_DEAD_AUDIO_NOT_FOUND] = "audio_not_found",
        [BS_DEAD_AUDIO_FORBIDDEN] = "audio_forbidden",
        [BS_DEAD_INVALID_ARGUMENT] = "invalid_argument",
        [BS_DEAD_RECOGNITION_FAILED] = "recognition_failed",
        [BS_DEAD_SUBMISSION_UNKNOWN] = "submission_unknown",
        [BS_DEAD_RESULT_EXPIRED] = "result_expired",
        [BS_DEAD_JOB_DEADLINE_PASSED] = "job_deadline_passed",
        [BS_DEAD_UNEXPECTED_RESPONSE] = "unexpected_response",
    };
    return NAME_OF(names, code);
}

const char *bs_not_ready_name(enum bs_not_ready reason)
{
    static const char *const names[BS_NOT_READY_REASONS] = {
        [BS_NOT_READY_GROUP] = "group_not_joined",
        [BS_NOT_READY_RESTORING] = "restoring",
        [BS_NOT_READY_CREDENTIALS] = "credentials_rejected",
        [BS_NOT_READY_PERMISSION] = "permission_denied",
        [BS_NOT_READY_ENDPOINT] = "endpoint_wrong",
        [BS_NOT_READY_API_UNREACHABLE] = "api_unreachable",
        [BS_NOT_READY_QUOTA] = "quota_exhausted",
        [BS_NOT_READY_CLOCK] = "clock_differs",
        [BS_NOT_READY_REFUSALS] = "refusals_in_a_row",
        [BS_NOT_READY_BUDGET] = "budget_spent",
        [BS_NOT_READY_PARTITION_STOPPED] = "partition_stopped",
        [BS_NOT_READY_TRANSCRIPT_STORE] = "transcript_store_missing",
        [BS_NOT_READY_RECORDINGS] = "recordings_unreadable",
        [BS_NOT_READY_STORE] = "object_store_unwritable",
        [BS_NOT_READY_KAFKA] = "kafka_unavailable",
        [BS_NOT_READY_STOPPING] = "stopping",
    };
    return NAME_OF(names, reason);
}

const char *bs_operation_state_name(enum bs_operation_state state)
{
    static const char *const names[] = {
        [BS_OPERATION_FREE] = "free",
        [BS_OPERATION_NEW] = "preparing",
        [BS_OPERATION_PREPARING] = "preparing",
        [BS_OPERATION_WAITING] = "waiting",
        [BS_OPERATION_SUBMITTING] = "submitting",
        [BS_OPERATION_RUNNING] = "running",
        [BS_OPERATION_CHECKING] = "checking",
        [BS_OPERATION_UNFINISHED] = "finishing",
        [BS_OPERATION_FINISHING] = "finishing",
        [BS_OPERATION_ENDED] = "ended",
        [BS_OPERATION_DONE] = "done",
    };
    return NAME_OF(names, state);
}

const char *bs_skip_reason_name(enum bs_skip_reason reason)
{
    static const char *const names[] = {"in_flight", "done"};
    return NAME_OF(names, reason);
}

const char *bs_submission_outcome_name(enum bs_submission_outcome outcome)
{
    static const char *const names[] = {"accepted", "refused", "retried", "unknown"};
    return NAME_OF(names, outcome);
}

const char *bs_check_outcome_name(enum bs_check_outcome outcome)
{
    static const char *const names[] = {"running", "done", "failed", "retried", "not_found"};
    return NAME_OF(names, outcome);
}

const char *bs_throttle_reason_name(enum bs_throttle_reason reason)
{
    static const char *const names[] = {"quota", "too_many_requests"};
    return NAME_OF(names, reason);
}

const char *bs_quota_kind_name(enum bs_quota_kind kind)
{
    static const char *const names[] = {"submissions", "checks", "billed_seconds"};
    return NAME_OF(names, kind);
}

const char *bs_object_work_name(enum bs_object_work work)
{
    static const char *const names[] = {"probe", "stage", "store", "unstage"};
    return NAME_OF(names, work);
}

const char *bs_object_outcome_name(enum bs_object_outcome outcome)
{
    static const char *const names[] = {"done", "refused", "temporary", "denied"};
    return NAME_OF(names, outcome);
}
