/* An embedded Kafka for the quickstart: librdkafka's mock cluster, which listens on loopback ports.
 *
 * It lives in memory, forgets what transactions committed, and has no topic settings: good for
 * seeing the worker at work once, and for nothing else. */
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] = "Usage: backscribe-embedded-kafka TOPIC:PARTITIONS...\n"
                           "Runs one broker in memory with these topics until it is interrupted.\n"
                           "Prints \"listening on HOST:PORT\" once it serves.\n";

/* "name:count" is cut at its colon; 0 for anything else. */
static int cut_partitions(char *topic)
{
    char *colon = strrchr(topic, ':');
    char *end = NULL;
    if (colon == NULL || colon == topic) {
        return 0;
    }
    *colon = '\0';
    long partitions = strtol(colon + 1, &end, 10);
    return *end == '\0' && partitions > 0 && partitions <= 1000 ? (int)partitions : 0;
}

static int create_topics(rd_kafka_mock_cluster_t *cluster, int count, char **topics)
{
    for (int i = 0; i < count; i++) {
        int partitions = cut_partitions(topics[i]);
        if (partitions == 0) {
            fprintf(stderr, "backscribe-embedded-kafka: NAME:PARTITIONS was expected: %s\n",
                    topics[i]);
            return 2;
        }
        rd_kafka_resp_err_t error = rd_kafka_mock_topic_create(cluster, topics[i], partitions, 1);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
            fprintf(stderr, "backscribe-embedded-kafka: %s: %s\n", topics[i],
                    rd_kafka_err2str(error));
            return 1;
        }
    }
    return 0;
}

/* The mock's threads are librdkafka's; this one only waits for the end. */
static void wait_for_signal(const sigset_t *signals)
{
    int signal = 0;
    while (sigwait(signals, &signal) == EINTR) {
    }
}

int main(int count, char **arguments)
{
    if (count < 2 || strcmp(arguments[1], "--help") == 0) {
        fputs(help, count < 2 ? stderr : stdout);
        return count < 2 ? 2 : 0;
    }
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);

    char reason[256];
    rd_kafka_conf_t *settings = rd_kafka_conf_new();
    /* It would warn that it has no broker to connect to, which is what it is for. */
    rd_kafka_conf_set(settings, "log_level", "2", reason, sizeof reason);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, settings, reason, sizeof reason);
    rd_kafka_mock_cluster_t *cluster = client == NULL ? NULL : rd_kafka_mock_cluster_new(client, 1);
    if (cluster == NULL) {
        fprintf(stderr, "backscribe-embedded-kafka: %s\n",
                client == NULL ? reason : "the mock cluster cannot be made");
        return 1;
    }
    int status = create_topics(cluster, count - 1, arguments + 1);
    if (status == 0) {
        printf("listening on %s\n", rd_kafka_mock_cluster_bootstraps(cluster));
        fflush(stdout);
        wait_for_signal(&signals);
    }
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(client);
    return status;
}
