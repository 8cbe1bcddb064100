/*
 * Opens a session and prints how each dialect redirects to it. Arguments: CONFIG ACCOUNT SITE LANGUAGE.
 * Prints the session's site, account and reference, a line each, then for each dialect a line with the
 * number of bytes that follow, the bytes, and a line feed.
 */
#include "check.h"

int main(int argc, char **argv)
{
    CHECK(argc == 5);
    pgate *handle = open_config(argv[1]);
    pgate_session_options options;
    pgate_session *session = NULL;
    pgate_error *err = NULL;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.account = argv[2];
    options.site = argv[3];
    options.language = argv[4];
    pgate_status status = pgate_session_create(handle, &options, &session, &err);
    CHECK_ERROR(status, err, PGATE_OK);
    /* A session outlives its handle. */
    pgate_close(handle);
    CHECK_TEXT(pgate_session_account(session), argv[2]);
    printf("%s\n%s\n%s\n", pgate_session_site(session), pgate_session_account(session),
           pgate_session_reference(session));

    static const pgate_dialect dialects[] = { PGATE_DIALECT_CGI, PGATE_DIALECT_NPH, PGATE_DIALECT_PAGE };
    for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++) {
        char *answer = NULL, *again = NULL;
        size_t length = 0;
        status = pgate_session_render(session, dialects[i], NULL, &answer, &length, &err);
        CHECK_ERROR(status, err, PGATE_OK);
        CHECK(length > 0 && strlen(answer) == length);
        printf("%zu\n", length);
        CHECK(fwrite(answer, 1, length, stdout) == length);
        putchar('\n');
        /* The length is optional, and a language that nobody speaks is English. */
        status = pgate_session_render(session, dialects[i], "tlh", &again, NULL, &err);
        CHECK_ERROR(status, err, PGATE_OK);
        CHECK(*again != '\0');
        pgate_string_free(again);
        pgate_string_free(answer);
    }
    char *answer = NULL;
    size_t length = 77;
    status = pgate_session_render(session, 4, NULL, &answer, &length, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    CHECK(answer == NULL && length == 77);
    pgate_session_free(session);
    return 0;
}
