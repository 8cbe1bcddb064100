/* One handle, many threads: each looks up accounts and fails to open sessions, all share one account. Argument: CONFIG. */
#include "check.h"
#include <pthread.h>

enum { THREADS = 8, ROUNDS = 10 };

struct shared {
    const pgate *handle;
    const pgate_account *account;
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
        status = pgate_session_create(shared->handle, &options, &session, &err);
        CHECK_ERROR(status, err, round % 2 == 0 ? PGATE_ERR_SITE_ALIAS : PGATE_ERR_BUILDER_UNREACHABLE);
        CHECK(session == NULL);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    pgate *handle = open_config(argv[1]);
    pgate_account *account = NULL;
    CHECK(pgate_account_find(handle, "alice", &account, NULL) == PGATE_OK);
    struct shared shared = { handle, account };
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
