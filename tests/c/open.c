/* Opens a session and prints how it ended: "STATUS NAME". Arguments: CONFIG ACCOUNT SITE, of which "-" is NULL. */
#include "check.h"

static const char *argument(const char *text)
{
    return strcmp(text, "-") == 0 ? NULL : text;
}

static int say(pgate_status status, pgate_error *err)
{
    CHECK(pgate_error_code(err) == status);
    printf("%d %s\n", status, pgate_error_name(err));
    pgate_error_free(err);
    return 0;
}

int main(int argc, char **argv)
{
    CHECK(argc == 4);
    pgate_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.config_path = argv[1];
    pgate *handle = NULL;
    pgate_error *err = NULL;
    pgate_status status = pgate_open(&options, &handle, &err);
    if (status != PGATE_OK) {
        CHECK(handle == NULL);
        return say(status, err);
    }
    pgate_session_options wanted;
    memset(&wanted, 0, sizeof wanted);
    wanted.size = sizeof wanted;
    wanted.account = argument(argv[2]);
    wanted.site = argument(argv[3]);
    pgate_session *session = NULL;
    status = pgate_session_create(handle, &wanted, &session, &err);
    CHECK((session != NULL) == (status == PGATE_OK));
    pgate_session_free(session);
    pgate_close(handle);
    return say(status, err);
}
