/* Projects that travel with the panel's own backups. Arguments: CONFIG "root"|"account". The configuration has it switched off. */
#include "check.h"

/* Whether a JSON text holds something; frees it. */
static int holds(char *json, const char *wanted)
{
    CHECK(json != NULL);
    int found = strstr(json, wanted) != NULL;
    if (!found) {
        fprintf(stderr, "%s\n", json);
    }
    pgate_string_free(json);
    return found;
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    int root = strcmp(argv[2], "root") == 0;
    pgate *handle = open_config(argv[1]);
    pgate_error *err = NULL;
    char *json = NULL;
    pgate_status wanted = root ? PGATE_OK : PGATE_ERR_FORBIDDEN;

    pgate_status status = pgate_backup_attach(handle, "alice", NULL, 0, &json, &err);
    CHECK_ERROR(status, err, wanted);
    CHECK(root ? holds(json, "\"carry\":false") : json == NULL);
    json = NULL;
    status = pgate_backup_attach(handle, "alice", "/home/alice/backups/backup", UINT32_MAX, &json, &err);
    CHECK_ERROR(status, err, wanted);
    CHECK(root ? holds(json, "\"sites\":[]") : json == NULL);
    json = NULL;
    status = pgate_backup_detach(handle, "alice", NULL, &json, &err);
    CHECK_ERROR(status, err, wanted);
    CHECK(root ? holds(json, "\"removed\":0") : json == NULL);
    json = NULL;

    /* What is wrong in itself. */
    status = pgate_backup_attach(handle, NULL, NULL, 0, &json, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_backup_attach(handle, "../alice", NULL, 0, &json, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_backup_attach(handle, "alice", "backups", 0, &json, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_backup_attach(handle, "alice", "", 0, &json, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_backup_attach(handle, "alice", NULL, 0, NULL, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_backup_attach(NULL, "alice", NULL, 0, &json, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_backup_detach(handle, NULL, NULL, &json, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_backup_detach(handle, "alice", NULL, NULL, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_backup_detach(NULL, "alice", NULL, &json, NULL);
    CHECK(status == PGATE_ERR_INVALID_ARGUMENT && json == NULL);

    pgate_close(handle);
    printf("ok\n");
    return 0;
}
