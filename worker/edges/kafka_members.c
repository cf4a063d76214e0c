/* Who is in the group at this moment, as the brokers tell. */
#include <stdio.h>
#include <stdlib.h>

#include "edges/kafka_client_internal.h"

static void take_members(const struct rd_kafka_group_info *group, struct bs_group_members *members)
{
    members->list = calloc((size_t)group->member_cnt + 1, sizeof(*members->list));
    BS_ASSERT(members->list != NULL);
    for (int i = 0; i < group->member_cnt; i++) {
        struct bs_group_member *member = &members->list[i];
        const char *name = group->members[i].client_id;
        const char *host = group->members[i].client_host;
        host = host == NULL ? "" : host;
        snprintf(member->client_id, sizeof(member->client_id), "%s", name == NULL ? "" : name);
        snprintf(member->host, sizeof(member->host), "%s", host[0] == '/' ? host + 1 : host);
    }
    members->count = group->member_cnt;
}

/* Not rd_kafka_DescribeConsumerGroups: where its request to the coordinator fails or comes too
 * late, librdkafka uses what it has freed (its issue 4605), and the program ends or hangs. */
enum bs_error_code bs_kafka_group_members(struct bs_kafka_client *client, int32_t limit_ms,
                                          struct bs_group_members *members, struct bs_error *error)
{
    const char *group = client->config->group;
    const struct rd_kafka_group_list *groups = NULL;
    *members = (struct bs_group_members){0};
    rd_kafka_resp_err_t code = rd_kafka_list_groups(client->reader, group, &groups, limit_ms);
    if (groups != NULL && groups->group_cnt > 0) { /* also where some other broker is silent */
        code = groups->groups[0].err;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            take_members(&groups->groups[0], members);
        }
    }
    if (groups != NULL) {
        rd_kafka_group_list_destroy(groups);
    }
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
