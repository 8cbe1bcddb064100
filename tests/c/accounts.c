/* Accounts and their sites, as root and as an account. Arguments: CONFIG, root|account. Prints alice's JSON. */
#include "check.h"

struct site {
    const char *domain, *unicode, *document_root, *alias_of;
    pgate_kind kind;
    bool suspended;
    pgate_status refused;
};

/* The main site first, then by name. */
static const struct site alices[] = {
    { "shop.example", "shop.example", "/home/alice/public_html", NULL, PGATE_SITE_MAIN, false, PGATE_OK },
    { "blog.shop.example", "blog.shop.example", "/home/alice/blog", NULL, PGATE_SITE_SUB, false, PGATE_OK },
    { "closed.example", "closed.example", "/home/alice/closed", NULL, PGATE_SITE_ADDON, true,
      PGATE_ERR_SUSPENDED },
    { "mail.example", "mail.example", NULL, NULL, PGATE_SITE_ADDON, false, PGATE_ERR_SITE_WITHOUT_HOSTING },
    { "shop-alias.example", "shop-alias.example", "/home/alice/public_html", "shop.example", PGATE_SITE_ALIAS,
      false, PGATE_ERR_SITE_ALIAS },
    { "xn--bcher-kva.example", "b\xc3\xbc" "cher.example", "/home/alice/books", NULL, PGATE_SITE_ADDON, false,
      PGATE_OK },
};

static void check_alice(const pgate_account *account)
{
    const size_t count = sizeof alices / sizeof *alices;
    CHECK_TEXT(pgate_account_username(account), "alice");
    CHECK_TEXT(pgate_account_home(account), "/home/alice");
    CHECK_TEXT(pgate_account_owner(account), "reseller");
    CHECK_TEXT(pgate_account_plan(account), "Gold; #1 \xe2\x98\x85");
    CHECK_TEXT(pgate_account_locale(account), "de-DE");
    CHECK_TEXT(pgate_account_public_ip(account), "2001:db8::7");
    CHECK(!pgate_account_suspended(account) && !pgate_account_demo(account));
    CHECK(pgate_account_has_builder(account));
    CHECK(pgate_account_site_count(account) == count);
    for (size_t i = 0; i < count; i++) {
        const pgate_site *site = pgate_account_site(account, i);
        CHECK_TEXT(pgate_site_domain(site), alices[i].domain);
        CHECK_TEXT(pgate_site_domain_unicode(site), alices[i].unicode);
        CHECK_TEXT(pgate_site_document_root(site), alices[i].document_root);
        CHECK_TEXT(pgate_site_alias_of(site), alices[i].alias_of);
        CHECK(pgate_site_kind(site) == alices[i].kind);
        CHECK(pgate_site_suspended(site) == alices[i].suspended);
        CHECK(pgate_site_refused(site) == alices[i].refused);
        CHECK(pgate_account_site(account, i) == site);
    }
    CHECK(pgate_account_site(account, count) == NULL);
    CHECK(pgate_account_site(account, (size_t)-1) == NULL);
}

static void look_up(const pgate *handle, const char *username, pgate_status wanted)
{
    pgate_account *account = NULL;
    pgate_error *err = NULL;
    pgate_status status = pgate_account_find(handle, username, &account, &err);
    CHECK((account != NULL) == (wanted == PGATE_OK));
    CHECK_ERROR(status, err, wanted);
    if (account != NULL && username != NULL)
        CHECK_TEXT(pgate_account_username(account), username);
    pgate_account_free(account);
}

static void look_up_site(const pgate *handle, const char *domain, const char *owner, pgate_status wanted)
{
    pgate_account *account = NULL;
    pgate_error *err = NULL;
    pgate_status status = pgate_account_of_site(handle, domain, &account, &err);
    CHECK((account != NULL) == (wanted == PGATE_OK));
    CHECK_ERROR(status, err, wanted);
    CHECK_TEXT(pgate_account_username(account), owner);
    pgate_account_free(account);
}

static void open_site(const pgate *handle, const char *account, const char *site, pgate_status wanted)
{
    pgate_session_options options;
    pgate_session *session = NULL;
    pgate_error *err = NULL;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.account = account;
    options.site = site;
    pgate_status status = pgate_session_create(handle, &options, &session, &err);
    CHECK(session == NULL);
    CHECK(strlen(pgate_error_reference(err)) == 9);
    CHECK_ERROR(status, err, wanted);
}

static void as_root(const pgate *handle)
{
    look_up(handle, NULL, PGATE_ERR_INVALID_ARGUMENT);
    look_up(handle, "bob", PGATE_OK);
    look_up(handle, "nobody-here", PGATE_ERR_ACCOUNT_NOT_FOUND);

    pgate_account *account = NULL;
    CHECK(pgate_account_find(handle, "carol", &account, NULL) == PGATE_OK);
    CHECK(pgate_account_suspended(account) && pgate_account_demo(account));
    CHECK(!pgate_account_has_builder(account));
    CHECK(pgate_account_owner(account) == NULL && pgate_account_plan(account) == NULL);
    CHECK(pgate_account_locale(account) == NULL);
    CHECK(pgate_site_refused(pgate_account_site(account, 0)) == PGATE_ERR_SUSPENDED);
    pgate_account_free(account);

    look_up_site(handle, "shop.example", "alice", PGATE_OK);
    look_up_site(handle, "B\xc3\xbc" "cher.Example.", "alice", PGATE_OK);
    look_up_site(handle, "bob.example", "bob", PGATE_OK);
    look_up_site(handle, "twice.example", NULL, PGATE_ERR_SITE_CONFLICT);
    look_up_site(handle, "nowhere.example", NULL, PGATE_ERR_SITE_NOT_FOUND);

    open_site(handle, NULL, NULL, PGATE_ERR_INVALID_ARGUMENT);
    open_site(handle, "bob", "shop.example", PGATE_ERR_SITE_NOT_FOUND);
    open_site(handle, "carol", "carol.example", PGATE_ERR_SUSPENDED);
    open_site(handle, NULL, "twice.example", PGATE_ERR_SITE_CONFLICT);
    open_site(handle, NULL, "shop.example", PGATE_ERR_BUILDER_UNREACHABLE);
}

static void as_account(const pgate *handle)
{
    pgate_account *own = NULL;
    CHECK(pgate_account_find(handle, NULL, &own, NULL) == PGATE_OK);
    check_alice(own);
    pgate_account_free(own);
    look_up(handle, "bob", PGATE_ERR_FORBIDDEN);
    look_up(handle, "root", PGATE_ERR_FORBIDDEN);
    look_up(handle, "nobody-here", PGATE_ERR_FORBIDDEN);
    look_up_site(handle, "shop.example", "alice", PGATE_OK);
    look_up_site(handle, "bob.example", NULL, PGATE_ERR_SITE_NOT_FOUND);
    look_up_site(handle, "nowhere.example", NULL, PGATE_ERR_SITE_NOT_FOUND);

    open_site(handle, "bob", "bob.example", PGATE_ERR_FORBIDDEN);
    open_site(handle, "bob", NULL, PGATE_ERR_FORBIDDEN);
    open_site(handle, NULL, NULL, PGATE_ERR_INVALID_ARGUMENT);
    open_site(handle, NULL, "bob.example", PGATE_ERR_SITE_NOT_FOUND);
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    pgate *handle = open_config(argv[1]);
    pgate_account *account = NULL;
    pgate_error *err = NULL;
    char *json = NULL;

    pgate_status status = pgate_account_find(handle, "alice", &account, &err);
    CHECK_ERROR(status, err, PGATE_OK);
    check_alice(account);
    if (strcmp(argv[2], "root") == 0)
        as_root(handle);
    else
        as_account(handle);
    open_site(handle, "alice", "bob.example", PGATE_ERR_SITE_NOT_FOUND);
    open_site(handle, "alice", "nowhere.example", PGATE_ERR_SITE_NOT_FOUND);
    open_site(handle, "alice", "shop-alias.example", PGATE_ERR_SITE_ALIAS);
    open_site(handle, "alice", "closed.example", PGATE_ERR_SUSPENDED);
    open_site(handle, "alice", "mail.example", PGATE_ERR_SITE_WITHOUT_HOSTING);
    open_site(handle, "alice", "../etc", PGATE_ERR_INVALID_ARGUMENT);
    /* Everything is in order but the builder, which is not there. */
    open_site(handle, "alice", "shop.example", PGATE_ERR_BUILDER_UNREACHABLE);

    /* What came from a handle outlives it. */
    pgate_close(handle);
    check_alice(account);
    status = pgate_account_json(account, &json, &err);
    CHECK_ERROR(status, err, PGATE_OK);
    puts(json);
    pgate_string_free(json);
    pgate_account_free(account);
    return 0;
}
