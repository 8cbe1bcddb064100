/* Sites that alice must not get a session for, whoever asks. Argument: CONFIG. */
#include "check.h"

static const struct { const char *site; pgate_status wanted; } cases[] = {
    { "bob.example", PGATE_ERR_SITE_NOT_FOUND },
    { "carol.example", PGATE_ERR_SITE_NOT_FOUND },
    { "twice.example", PGATE_ERR_SITE_NOT_FOUND },
    { "example", PGATE_ERR_INVALID_ARGUMENT },
    { "www.shop.example", PGATE_ERR_SITE_NOT_FOUND },
    { "shop.example/../bob.example", PGATE_ERR_INVALID_ARGUMENT },
    { "shop.example\nbob.example", PGATE_ERR_INVALID_ARGUMENT },
    { "", PGATE_ERR_INVALID_ARGUMENT },
    { "\xff", PGATE_ERR_INVALID_ARGUMENT },
    { "shop-alias.example", PGATE_ERR_SITE_ALIAS },
    { "closed.example", PGATE_ERR_SUSPENDED },
    { "mail.example", PGATE_ERR_SITE_WITHOUT_HOSTING },
    { NULL, PGATE_ERR_INVALID_ARGUMENT },
};

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    pgate *handle = open_config(argv[1]);
    pgate_session_options options;
    pgate_error *err = NULL;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.account = "alice";
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pgate_session *session = NULL;
        options.site = cases[i].site;
        pgate_status status = pgate_session_create(handle, &options, &session, &err);
        CHECK(session == NULL);
        CHECK_ERROR(status, err, cases[i].wanted);
    }
    /* What is malformed beside the site. */
    options.site = "shop.example";
    pgate_session *session = NULL;
    options.create_from = "../x";
    pgate_status status = pgate_session_create(handle, &options, &session, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    options.create_from = NULL;
    options.language = "\xc3";
    status = pgate_session_create(handle, &options, &session, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    CHECK(session == NULL);
    pgate_close(handle);
    puts("ok");
    return 0;
}
