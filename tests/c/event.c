/* Events of a panel, as a hook tells them. Arguments: CONFIG "root" or "account". */
#include "check.h"

static char *tell(const pgate *handle, const char *source, const void *payload, size_t length,
                  pgate_status wanted)
{
    char *out = NULL;
    pgate_error *err = NULL;
    pgate_status status = pgate_event(handle, source, (const uint8_t *)payload, length, &out, &err);
    CHECK((out != NULL) == (wanted == PGATE_OK));
    CHECK_ERROR(status, err, wanted);
    return out;
}

static void answered(const pgate *handle, const char *source, const void *payload, size_t length,
                     const char *part)
{
    char *out = tell(handle, source, payload, length, PGATE_OK);
    if (strstr(out, part) == NULL) {
        fprintf(stderr, "%s: %s\n", part, out);
        exit(1);
    }
    pgate_string_free(out);
}

int main(int argc, char **argv)
{
    static const char environment[] = "username=nobody1\0passwd=secret\0domain=x.example";
    static const char suspended[] =
        "{\"context\":{\"category\":\"Whostmgr\",\"event\":\"Accounts::suspendacct\",\"stage\":\"post\"},"
        "\"data\":{\"args\":{\"user\":\"nobody1\"}}}";
    static const char gone[] = "OLD_DOMAIN_NAME=x.example";
    static const char plain[] = "{\"event\":\"plan\",\"account\":\"nobody1\"}";
    CHECK(argc == 3);
    pgate *handle = open_config(argv[1]);
    if (strcmp(argv[2], "account") == 0) {
        /* Whatever it says, it is about itself. */
        answered(handle, "cpanel", suspended, sizeof suspended - 1, "\"event\":\"refresh\"");
        answered(handle, "nowhere", "\xff\0x", 3, "\"event\":\"refresh\"");
        answered(handle, "plain", NULL, 0, "\"event\":\"refresh\"");
    } else {
        answered(handle, "cpanel", suspended, sizeof suspended - 1, "\"event\":\"suspend\",\"account\":\"nobody1\",\"job\":null");
        answered(handle, "directadmin/user_suspend_post", environment, sizeof environment - 1, "\"suspend\"");
        answered(handle, "plesk/site_delete", gone, sizeof gone - 1, "\"domain-removed\"");
        answered(handle, "plain", plain, sizeof plain - 1, "\"plan\"");
        answered(handle, "cpanel", NULL, 0, "\"ignored\":\"the payload is empty\"");
        tell(handle, "cpanel", "\xff\0x", 3, PGATE_ERR_INVALID_ARGUMENT);
        tell(handle, "nowhere", "{}", 2, PGATE_ERR_INVALID_ARGUMENT);
        tell(handle, "cpanel", suspended, (size_t)1 << 40, PGATE_ERR_INVALID_ARGUMENT);
    }
    tell(handle, NULL, "{}", 2, PGATE_ERR_INVALID_ARGUMENT);
    tell(handle, "cpanel", NULL, 1, PGATE_ERR_INVALID_ARGUMENT);
    tell(NULL, "cpanel", "{}", 2, PGATE_ERR_INVALID_ARGUMENT);
    pgate_error *err = NULL;
    pgate_status status = pgate_event(handle, "cpanel", NULL, 0, NULL, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    pgate_close(handle);
    puts("ok");
    return 0;
}
