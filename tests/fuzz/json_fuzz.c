/* JSON itself, by each of the ways in which it is read: they agree about what it says. */
#include <string.h>

#include "formats/json.h"
#include "formats/json_view.h"
#include "fuzz.h"

static cJSON *read_strictly(const void *text, size_t size)
{
    struct bs_json_problem problem;
    cJSON *tree = bs_json_parse(text, size, &problem);
    BS_ASSERT(tree != NULL);
    return tree;
}

/* What is strictly JSON is written and read again as the same. */
static void check_strict(struct bs_bytes text)
{
    struct bs_json_problem problem;
    struct bs_buffer written = {0};
    cJSON *tree = bs_json_parse(text.data, text.size, &problem);
    if (tree == NULL) {
        BS_ASSERT(problem.reason != NULL && problem.offset <= text.size);
        return;
    }
    bs_json_append_item(&written, tree);
    cJSON *again = read_strictly(written.data, written.size);
    BS_ASSERT(cJSON_Compare(tree, again, true));
    cJSON_Delete(again);
    cJSON_Delete(tree);
    bs_buffer_free(&written);
}

/* The tree and the view mend the same flaws in the same way, and what they make of it is JSON by
 * the strict rules. */
static void check_tolerant(struct bs_bytes text)
{
    struct bs_json_problem problem;
    struct bs_json_view view;
    struct bs_buffer written = {0};
    cJSON *tree = bs_json_parse_tolerant(text.data, text.size, &problem);
    bool read = bs_json_view_read(&view, text.data, text.size, &problem);
    BS_ASSERT(read == (tree != NULL));
    if (read) {
        bs_json_view_append(&view, bs_json_view_root(&view), NULL, &written);
        BS_ASSERT(fuzz_is_utf8(written.data, written.size));
        struct bs_json_problem strict;
        cJSON *again = bs_json_parse(written.data, written.size, &strict);
        bool deep = again == NULL && strstr(strict.reason, "deep") != NULL;
        BS_ASSERT(deep || (again != NULL && cJSON_Compare(tree, again, true)));
        cJSON_Delete(again);
    }
    cJSON_Delete(tree);
    bs_json_view_free(&view);
    bs_buffer_free(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bs_bytes text = fuzz_copy(data, size);
    check_strict(text);
    check_tolerant(text);
    fuzz_free(text);
    return 0;
}
