/* Backups. Arguments: CONFIG "root"|"account" and
 *   "order"       everything that can be said about an order of shop.example that nobody works on
 *   "start" SITE  orders the backup of a site's project, and prints its number
 *   "look" JOB    waits for its end, and prints how far it is */
#include "check.h"
#include <time.h>

static pgate_status start(pgate *handle, const pgate_backup_options *options, uint64_t *job, pgate_error **err)
{
    *job = 4711;
    pgate_status status = pgate_backup_start(handle, options, job, err);
    CHECK((*job != 4711) == (status == PGATE_OK));
    return status;
}

static pgate_backup_options of(const char *account, const char *site)
{
    pgate_backup_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.account = account;
    options.site = site;
    return options;
}

/* Whether a job's JSON says this state; frees it. */
static int has(char *json, const char *state)
{
    char wanted[64];
    CHECK(json != NULL);
    snprintf(wanted, sizeof wanted, "\"state\":\"%s\"", state);
    int found = strstr(json, wanted) != NULL;
    if (!found) {
        fprintf(stderr, "%s\n", json);
    }
    pgate_string_free(json);
    return found;
}

static void refused(pgate *handle, pgate_backup_options options, pgate_status wanted)
{
    uint64_t job;
    pgate_error *err = NULL;
    pgate_status status = start(handle, &options, &job, &err);
    CHECK_ERROR(status, err, wanted);
}

/* What nobody may order, and what cannot be. */
static void refusals(pgate *handle, int root)
{
    refused(handle, of("alice", "bob.example"), PGATE_ERR_SITE_NOT_FOUND);
    refused(handle, of("bob", "bob.example"), root ? PGATE_ERR_BACKUP_NOT_FOUND : PGATE_ERR_FORBIDDEN);
    refused(handle, of("carol", "carol.example"), root ? PGATE_ERR_BACKUP_NOT_FOUND : PGATE_ERR_FORBIDDEN);
    refused(handle, of("alice", "bücher.example"), PGATE_ERR_BACKUP_NOT_FOUND);
    refused(handle, of("alice", "shop-alias.example"), PGATE_ERR_SITE_ALIAS);
    refused(handle, of("alice", "../shop.example"), PGATE_ERR_INVALID_ARGUMENT);
    refused(handle, of("../alice", "shop.example"), PGATE_ERR_INVALID_ARGUMENT);
    refused(handle, of("alice", "\xff"), PGATE_ERR_INVALID_ARGUMENT);
    pgate_backup_options options = of("alice", "shop.example");
    options.scope = "bogus";
    refused(handle, options, PGATE_ERR_INVALID_ARGUMENT);
    options.scope = "hosting";
    refused(handle, options, root ? PGATE_ERR_BACKUP_UNSUPPORTED : PGATE_ERR_FORBIDDEN);
    options.scope = "project";
    options.destination = "../etc";
    refused(handle, options, PGATE_ERR_INVALID_ARGUMENT);
    options.destination = NULL;
    options.split_size = 1;
    refused(handle, options, PGATE_ERR_INVALID_ARGUMENT);
    options.split_size = 1 << 20;
    refused(handle, options, root ? PGATE_ERR_BACKUP_UNSUPPORTED : PGATE_ERR_FORBIDDEN);
}

static void order(pgate *handle, int root)
{
    pgate_backup_options options = of(root ? NULL : "alice", "shop.example");
    pgate_error *err = NULL;
    char *json = NULL;
    uint64_t job, again;
    CHECK_ERROR(start(handle, &options, &job, &err), err, PGATE_OK);
    CHECK(job > 0);
    CHECK_ERROR(start(handle, &options, &again, &err), err, PGATE_OK);
    CHECK(again == job);
    CHECK_ERROR(pgate_backup_poll(handle, job, &json, &err), err, PGATE_OK);
    CHECK(has(json, "waiting"));
    /* Nobody works on it: a time that is over is no error. */
    for (uint32_t seconds = 0; seconds < 2; seconds++) {
        struct timespec before, after;
        clock_gettime(CLOCK_MONOTONIC, &before);
        CHECK_ERROR(pgate_backup_wait(handle, job, seconds, &json, &err), err, PGATE_OK);
        clock_gettime(CLOCK_MONOTONIC, &after);
        CHECK(has(json, "waiting"));
        CHECK((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 >= (long)seconds * 1000 - 5);
    }
    json = NULL;
    pgate_status status = pgate_backup_poll(handle, job + 1000, &json, &err);
    CHECK_ERROR(status, err, PGATE_ERR_BACKUP_NOT_FOUND);
    status = pgate_backup_wait(handle, job + 1000, 60, &json, &err);
    CHECK_ERROR(status, err, PGATE_ERR_BACKUP_NOT_FOUND);
    status = pgate_backup_cancel(handle, job + 1000, &json, &err);
    CHECK_ERROR(status, err, root ? PGATE_ERR_BACKUP_NOT_FOUND : PGATE_ERR_FORBIDDEN);
    status = pgate_backup_poll(handle, UINT64_MAX, &json, &err);
    CHECK_ERROR(status, err, PGATE_ERR_BACKUP_NOT_FOUND);
    CHECK(json == NULL);
    /* Only root ends what was ordered; another order is a new one then. */
    status = pgate_backup_cancel(handle, job, &json, &err);
    if (root) {
        CHECK_ERROR(status, err, PGATE_OK);
        CHECK(has(json, "cancelled"));
        CHECK_ERROR(pgate_backup_wait(handle, job, 60, &json, &err), err, PGATE_OK);
        CHECK(has(json, "cancelled"));
        CHECK_ERROR(start(handle, &options, &again, &err), err, PGATE_OK);
        CHECK(again != job);
        CHECK_ERROR(pgate_backup_cancel(handle, again, &json, &err), err, PGATE_OK);
        CHECK(has(json, "cancelled"));
    } else {
        CHECK_ERROR(status, err, PGATE_ERR_FORBIDDEN);
        CHECK(json == NULL);
        CHECK_ERROR(pgate_backup_poll(handle, job, &json, &err), err, PGATE_OK);
        CHECK(has(json, "waiting"));
    }
}

/* What must not be NULL, and sizes of another time. */
static void misuse(pgate *handle)
{
    pgate_backup_options options = of("alice", "shop.example");
    pgate_error *err = NULL;
    char *json = NULL;
    uint64_t job = 0;
    pgate_status status = pgate_backup_start(NULL, &options, &job, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_backup_start(handle, &options, NULL, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    options.size = 3;
    status = pgate_backup_start(handle, &options, &job, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_backup_poll(NULL, 1, &json, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_backup_poll(handle, 1, NULL, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_backup_wait(NULL, 1, 60, &json, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_backup_cancel(handle, 1, NULL, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    CHECK(pgate_backup_poll(handle, 0, &json, NULL) == PGATE_ERR_BACKUP_NOT_FOUND);
    CHECK(job == 0 && json == NULL);
}

int main(int argc, char **argv)
{
    CHECK(argc >= 4);
    pgate *handle = open_config(argv[1]);
    int root = strcmp(argv[2], "root") == 0;
    pgate_error *err = NULL;
    if (strcmp(argv[3], "order") == 0) {
        refusals(handle, root);
        order(handle, root);
        misuse(handle);
        puts("ok");
    } else if (strcmp(argv[3], "start") == 0) {
        pgate_backup_options options = of("alice", argv[4]);
        uint64_t job;
        CHECK_ERROR(start(handle, &options, &job, &err), err, PGATE_OK);
        printf("%llu\n", (unsigned long long)job);
    } else {
        char *json = NULL;
        CHECK_ERROR(pgate_backup_wait(handle, strtoull(argv[4], NULL, 10), 60, &json, &err), err, PGATE_OK);
        puts(json);
        pgate_string_free(json);
    }
    pgate_close(handle);
    return 0;
}
