/* What needs no account: versions, NULL everywhere, structures of other sizes, bad configurations. Arguments: CONFIG, a directory. */
#include "check.h"

static void versions(void)
{
    CHECK(pgate_abi_version() == PGATE_ABI_VERSION);
    CHECK_TEXT(pgate_version(), PGATE_VERSION);
    char text[64];
    snprintf(text, sizeof text, "%d.%d.%d", PGATE_VERSION_MAJOR, PGATE_VERSION_MINOR, PGATE_VERSION_PATCH);
    CHECK_TEXT(text, PGATE_VERSION);
}

static void null_objects_have_the_documented_properties(void)
{
    pgate_close(NULL);
    pgate_account_free(NULL);
    pgate_session_free(NULL);
    pgate_error_free(NULL);
    pgate_string_free(NULL);
    CHECK(pgate_account_username(NULL) == NULL);
    CHECK(pgate_account_home(NULL) == NULL);
    CHECK(pgate_account_owner(NULL) == NULL);
    CHECK(pgate_account_plan(NULL) == NULL);
    CHECK(pgate_account_locale(NULL) == NULL);
    CHECK(pgate_account_public_ip(NULL) == NULL);
    CHECK(!pgate_account_suspended(NULL));
    CHECK(!pgate_account_demo(NULL));
    CHECK(!pgate_account_has_builder(NULL));
    CHECK(pgate_account_site_count(NULL) == 0);
    CHECK(pgate_account_site(NULL, 0) == NULL);
    CHECK(pgate_site_domain(NULL) == NULL);
    CHECK(pgate_site_domain_unicode(NULL) == NULL);
    CHECK(pgate_site_kind(NULL) == 0);
    CHECK(pgate_site_document_root(NULL) == NULL);
    CHECK(!pgate_site_suspended(NULL));
    CHECK(pgate_site_alias_of(NULL) == NULL);
    CHECK(pgate_site_refused(NULL) == PGATE_ERR_INVALID_ARGUMENT);
    CHECK(pgate_session_site(NULL) == NULL);
    CHECK(pgate_session_account(NULL) == NULL);
    CHECK(pgate_session_reference(NULL) == NULL);
    CHECK(pgate_error_code(NULL) == PGATE_OK);
    CHECK_TEXT(pgate_error_name(NULL), "ok");
    CHECK_TEXT(pgate_error_message(NULL), "");
    CHECK(pgate_error_reference(NULL) == NULL);
    CHECK(pgate_error_user_message(NULL, "de") == NULL);
    CHECK(!pgate_error_retryable(NULL));
}

static void missing_arguments_are_refused(pgate *handle)
{
    pgate_error *err = NULL;
    pgate_account *account = NULL;
    pgate_session *session = NULL;
    char *text = NULL;
    size_t length = 77;
    pgate_status status;

    CHECK(pgate_open(NULL, NULL, NULL) == PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_account_find(NULL, "alice", &account, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_account_find(handle, "alice", NULL, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_account_of_site(handle, NULL, &account, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_account_of_site(NULL, "shop.example", &account, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_account_json(NULL, &text, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_session_create(NULL, NULL, &session, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_session_create(handle, NULL, NULL, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_session_render(NULL, PGATE_DIALECT_CGI, NULL, &text, &length, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    CHECK(account == NULL && session == NULL && text == NULL && length == 77);
}

static void malformed_strings_are_refused(pgate *handle)
{
    static const char *const names[] = {
        "", "..", "../bob", "a b", "a\nb", "-x", "\xff\xfe", "a'b", "$(id)",
        "a-name-that-is-far-too-long-for-a-user-of-any-system",
    };
    pgate_account *account = NULL;
    pgate_error *err = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        pgate_status status = pgate_account_find(handle, names[i], &account, &err);
        CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
        status = pgate_account_of_site(handle, names[i], &account, &err);
        CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    }
    enum { HUGE = 1 << 20 };
    char *huge = (char *)malloc(HUGE);
    CHECK(huge != NULL);
    memset(huge, 'a', HUGE - 1);
    huge[HUGE - 1] = '\0';
    pgate_status status = pgate_account_find(handle, huge, &account, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    free(huge);
    CHECK(account == NULL);
}

/* A structure of a later version: two members that this library does not know. */
struct later_options {
    pgate_options known;
    const void *unknown[2];
};

static void structures_of_other_sizes(const char *config)
{
    struct later_options later;
    pgate *handle = NULL;
    pgate_error *err = NULL;
    memset(&later, 0, sizeof later);
    later.known.config_path = config;

    later.known.size = sizeof later;
    pgate_status status = pgate_open(&later.known, &handle, &err);
    CHECK_ERROR(status, err, PGATE_OK);
    pgate_close(handle);
    handle = NULL;

    later.unknown[1] = &later;
    status = pgate_open(&later.known, &handle, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);

    static const size_t impossible[] = { 0, 1, 7, 9, 1u << 20, (size_t)-1 };
    for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++) {
        later.known.size = impossible[i];
        status = pgate_open(&later.known, &handle, &err);
        CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    }

    /* The oldest structure of all says nothing but its size: what lies behind it must not be read. */
    pgate *own = open_config(config);
    pgate_session *session = NULL;
    size_t *oldest = (size_t *)malloc(sizeof(size_t));
    CHECK(oldest != NULL);
    *oldest = sizeof(size_t);
    status = pgate_session_create(own, (const pgate_session_options *)(const void *)oldest, &session, &err);
    /* Nothing is named: root must name something, an account has several sites. */
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    free(oldest);
    pgate_close(own);
    CHECK(handle == NULL && session == NULL);
}

static void bad_configurations(const char *directory)
{
    static const struct { const char *file; const char *says; } cases[] = {
        { "missing.ini", "does not exist" },
        { "open.ini", "chmod 600" },
        { "typo.ini", "typo.ini:2" },
        { "binary.ini", "binary.ini" },
        { "link.ini", "symbolic link" },
        { ".", "regular file" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[4096];
        pgate_options options;
        pgate *handle = NULL;
        pgate_error *err = NULL;
        snprintf(path, sizeof path, "%s/%s", directory, cases[i].file);
        memset(&options, 0, sizeof options);
        options.size = sizeof options;
        options.config_path = path;
        pgate_status status = pgate_open(&options, &handle, &err);
        CHECK(status == PGATE_ERR_CONFIG);
        if (strstr(pgate_error_message(err), cases[i].says) == NULL) {
            fprintf(stderr, "%s: %s\n", cases[i].file, pgate_error_message(err));
            exit(1);
        }
        CHECK_TEXT(pgate_error_name(err), "config");
        CHECK(!pgate_error_retryable(err) && pgate_error_reference(err) == NULL);
        char *sentence = pgate_error_user_message(err, "de");
        CHECK(sentence != NULL && *sentence != '\0');
        /* The panel's user learns no path of the server's. */
        CHECK(strstr(sentence, cases[i].file) == NULL || cases[i].file[0] == '.');
        CHECK(strstr(sentence, "/") == NULL);
        pgate_string_free(sentence);
        CHECK_ERROR(status, err, PGATE_ERR_CONFIG);
        /* Nobody has to want the error. */
        CHECK(pgate_open(&options, &handle, NULL) == PGATE_ERR_CONFIG);
        CHECK(handle == NULL);
    }
}

static void a_cgi_program_is_refused(const char *config)
{
    pgate_options options;
    pgate *handle = NULL;
    pgate_error *err = NULL;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.config_path = config;
    CHECK(setenv("REQUEST_METHOD", "GET", 1) == 0);
    pgate_status status = pgate_open(&options, &handle, &err);
    CHECK_ERROR(status, err, PGATE_ERR_FORBIDDEN);
    CHECK(handle == NULL);
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    versions();
    null_objects_have_the_documented_properties();
    pgate *handle = open_config(argv[1]);
    missing_arguments_are_refused(handle);
    malformed_strings_are_refused(handle);
    pgate_close(handle);
    structures_of_other_sizes(argv[1]);
    bad_configurations(argv[2]);
    a_cgi_program_is_refused(argv[1]);
    puts("ok");
    return 0;
}
