/* Who is in the group at this moment, as its coordinator tells. */
#include <stdio.h>
#include <stdlib.h>

#include "edges/kafka_client_internal.h"

#define POLL_MS 50

static void take_member(const rd_kafka_MemberDescription_t *told, struct bs_group_member *member)
{
    const char *name = rd_kafka_MemberDescription_client_id(told);
    const char *host = rd_kafka_MemberDescription_host(told);
    host = host == NULL ? "" : host;
    snprintf(member->client_id, sizeof(member->client_id), "%s", name == NULL ? "" : name);
    snprintf(member->host, sizeof(member->host), "%s", host[0] == '/' ? host + 1 : host);
}

static rd_kafka_resp_err_t take_group(const rd_kafka_ConsumerGroupDescription_t *group,
                                      struct bs_group_members *members)
{
    const rd_kafka_error_t *failed = rd_kafka_ConsumerGroupDescription_error(group);
    if (failed != NULL) {
        return rd_kafka_error_code(failed);
    }
    size_t count = rd_kafka_ConsumerGroupDescription_member_count(group);
    members->list = calloc(count + 1, sizeof(*members->list));
    BS_ASSERT(members->list != NULL);
    for (size_t i = 0; i < count; i++) {
        take_member(rd_kafka_ConsumerGroupDescription_member(group, i), &members->list[i]);
    }
    members->count = (int32_t)count;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t take_answer(rd_kafka_event_t *event, struct bs_group_members *members)
{
    if (event == NULL) {
        return RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return code;
    }
    size_t count = 0;
    const rd_kafka_ConsumerGroupDescription_t **groups =
        rd_kafka_DescribeConsumerGroups_result_groups(
            rd_kafka_event_DescribeConsumerGroups_result(event), &count);
    return count == 1 ? take_group(groups[0], members) : RD_KAFKA_RESP_ERR__FAIL;
}

enum bs_error_code bs_kafka_group_members(struct bs_kafka_client *client, int32_t limit_ms,
                                          struct bs_group_members *members, struct bs_error *error)
{
    const char *group = client->config->group;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client->reader);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(client->reader, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
    rd_kafka_resp_err_t code =
        rd_kafka_AdminOptions_set_request_timeout(options, limit_ms, NULL, 0);
    BS_ASSERT(code == RD_KAFKA_RESP_ERR_NO_ERROR); /* a limit of 0 to 1 h is the caller's part */
    *members = (struct bs_group_members){0};
    rd_kafka_DescribeConsumerGroups(client->reader, &group, 1, options, queue);
    bs_mono_ms until = bs_clock_now().mono + limit_ms;
    rd_kafka_event_t *event = NULL;
    while (event == NULL && bs_clock_now().mono < until) {
        event = rd_kafka_queue_poll(queue, POLL_MS);
    }
    code = take_answer(event, members);
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return BS_OK;
    }
    char doing[300], right[300];
    snprintf(doing, sizeof(doing), "looking for the members of group %.200s", group);
    snprintf(right, sizeof(right), "Describe on group %.200s", group);
    return bs_kafka_client_error(error, code, doing, right);
}

void bs_group_members_free(struct bs_group_members *members)
{
    free(members->list);
    *members = (struct bs_group_members){0};
}
