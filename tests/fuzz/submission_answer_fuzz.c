/* The API's answer to a submission: the HTTP status, a newline, the body. */
#include <stdlib.h>
#include <string.h>

#include "formats/speechkit.h"
#include "fuzz.h"

/* It becomes a part of a URL as it stands. */
static void check_operation_id(const char *id)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";
    BS_ASSERT(id != NULL && strlen(id) >= 1 && strlen(id) <= 200);
    BS_ASSERT(strspn(id, allowed) == strlen(id) && strcmp(id, ".") != 0 && strcmp(id, "..") != 0);
}

static void check_answer(int32_t status, const struct bs_answer *answer)
{
    bool success = status >= 200 && status < 300;
    BS_ASSERT(answer->http_status == status && answer->payload == NULL);
    BS_ASSERT(answer->created >= 0 && answer->modified >= 0);
    BS_ASSERT(answer->message == NULL || fuzz_is_message(answer->message, BS_MESSAGE_MAX));
    switch (answer->kind) {
    case BS_ANSWER_RUNNING:
    case BS_ANSWER_DONE:
        BS_ASSERT(success);
        check_operation_id(answer->operation_id);
        break;
    case BS_ANSWER_FAILED:
        BS_ASSERT(success && answer->grpc_code >= 1 && answer->message != NULL);
        break;
    case BS_ANSWER_ERROR:
        BS_ASSERT(!success && answer->grpc_code >= 1 && answer->message != NULL);
        break;
    case BS_ANSWER_LOST: /* a gateway answered for the service */
        BS_ASSERT(status == 502 || status == 504);
        break;
    case BS_ANSWER_UNREADABLE: /* paid for, perhaps: never taken for a refusal */
        BS_ASSERT(success && answer->message != NULL && answer->message[0] != '\0');
        break;
    default:
        BS_ASSERT(false);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bs_bytes rest = {.data = data, .size = size};
    struct bs_bytes line = fuzz_part(&rest, '\n');
    struct bs_bytes body = fuzz_copy(rest.data, rest.size);
    char *status = fuzz_text(line);
    int32_t number = (int32_t)strtol(strlen(status) > 3 ? "200" : status, NULL, 10);
    struct bs_answer answer;
    void *storage;
    fuzz_memory_begin();
    bs_speechkit_decode_submission(number, body, &answer, &storage);
    fuzz_memory_end(size, 200, 131072);
    check_answer(number, &answer);
    bs_speechkit_free(storage);
    free(status);
    fuzz_free(line);
    fuzz_free(body);
    return 0;
}
