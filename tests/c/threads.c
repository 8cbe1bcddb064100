/*
 * One handle, many threads: each looks up accounts and opens sessions, all share one account.
 * Arguments: CONFIG [open]; without "open" there is no builder, and opening must fail.
 */
#include "check.h"
#include <pthread.h>

enum { THREADS = 8, ROUNDS = 10 };

struct shared {
    const pgate *handle;
    const pgate_account *account;
    pgate_status wanted;
};

static void *work(void *argument)
{
    const struct shared *shared = (const struct shared *)argument;
    for (int round = 0; round < ROUNDS; round++) {
        pgate_account *account = NULL;
        pgate_session *session = NULL;
        pgate_session_options options;
        pgate_error *err = NULL;
        pgate_status status = pgate_account_find(shared->handle, "alice", &account, &err);
        CHECK_ERROR(status, err, PGATE_OK);
        CHECK_TEXT(pgate_account_home(account), pgate_account_home(shared->account));
        CHECK(pgate_account_site_count(account) == pgate_account_site_count(shared->account));
        pgate_account_free(account);

        memset(&options, 0, sizeof options);
        options.size = sizeof options;
        options.account = "alice";
        options.site = round % 2 == 0 ? "shop-alias.example" : "shop.example";
        const pgate_status wanted = round % 2 == 0 ? PGATE_ERR_SITE_ALIAS : shared->wanted;
        status = pgate_session_create(shared->handle, &options, &session, &err);
        CHECK_ERROR(status, err, wanted);
        CHECK((session != NULL) == (wanted == PGATE_OK));
        if (session != NULL) {
            char *answer = NULL;
            status = pgate_session_render(session, PGATE_DIALECT_CGI, NULL, &answer, NULL, &err);
            CHECK_ERROR(status, err, PGATE_OK);
            CHECK(strncmp(answer, "Status: 303 ", 12) == 0);
            pgate_string_free(answer);
        }
        pgate_session_free(session);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2 || argc == 3);
    pgate *handle = open_config(argv[1]);
    pgate_account *account = NULL;
    CHECK(pgate_account_find(handle, "alice", &account, NULL) == PGATE_OK);
    struct shared shared = { handle, account, argc == 3 ? PGATE_OK : PGATE_ERR_BUILDER_UNREACHABLE };
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, &shared) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    pgate_account_free(account);
    pgate_close(handle);
    puts("ok");
    return 0;
}
