/*
 * panelgate.h - C interface of Panelgate, the back end of the "Website Builder" button in
 * web-hosting panels.
 *
 * Panelgate reads accounts and their sites where the panel keeps them (cPanel, Plesk, DirectAdmin,
 * custom hosting), decides whether an account may open a site, and opens a signed-on session of
 * the builder for it. Programs that are not Panelgate's own, such as a panel's plugin or a hook, do
 * this through the functions below.
 *
 * Compile and link:  cc program.c $(pkg-config --cflags --libs panelgate)
 *
 * Example: prints the CGI answer that sends a browser to the builder.
 *
 *     #include <panelgate.h>
 *     #include <stdio.h>
 *
 *     int main(int argc, char **argv) // ACCOUNT SITE [CONFIG]
 *     {
 *         pgate_options options = { .size = sizeof options, .config_path = argc > 3 ? argv[3] : NULL };
 *         pgate_session_options wanted = { .size = sizeof wanted };
 *         pgate *handle = NULL;
 *         pgate_session *session = NULL;
 *         pgate_error *err = NULL;
 *         char *answer = NULL;
 *         size_t length = 0;
 *         wanted.account = argc > 1 ? argv[1] : NULL;
 *         wanted.site = argc > 2 ? argv[2] : NULL;
 *         pgate_status status = pgate_open(&options, &handle, &err);
 *         if (status == PGATE_OK)
 *             status = pgate_session_create(handle, &wanted, &session, &err);
 *         if (status == PGATE_OK)
 *             status = pgate_session_render(session, PGATE_DIALECT_CGI, NULL, &answer, &length, &err);
 *         if (status == PGATE_OK)
 *             fwrite(answer, 1, length, stdout);
 *         else
 *             fprintf(stderr, "%s: %s\n", pgate_error_name(err), pgate_error_message(err));
 *         pgate_string_free(answer);
 *         pgate_session_free(session);
 *         pgate_error_free(err);
 *         pgate_close(handle);
 *         return status == PGATE_OK ? 0 : 1;
 *     }
 *
 * Calling. A function that can fail returns a pgate_status: PGATE_OK (0), or why not. It takes the
 * object first, then inputs, then outputs, and last a place for an error, which may be NULL.
 * Outputs are written on success only. The error is written on failure only, over whatever is
 * there: set the variable to NULL before the first call, and free it before using it for another
 * one. Functions that only read a property of an object cannot fail; for a NULL object they return
 * what their comment says. A NULL where an argument must be there is PGATE_ERR_INVALID_ARGUMENT.
 *
 * Ownership. Objects are declared here and defined in the library. What a function gives through
 * an output, or returns as char *, is the caller's: each kind has one function that frees it,
 * exactly once; all of them allow NULL. What a function returns as a const pointer is lent: it
 * lives as long as the object that the comment names, and is never freed by the caller. Arguments
 * are copied: the caller may free or change them after the call.
 *
 * Strings are NUL-terminated UTF-8 in both directions, at most 4096 bytes as arguments unless the
 * function's comment allows more. Paths are what the system says: any bytes without NUL. Text is
 * plain: escape it where it goes into HTML. Times are whole seconds since 1970-01-01 UTC.
 *
 * Callers. A process of root works by itself, with the configuration that pgate_options names. A
 * process of any other user asks the broker (but see pgate_open()), which does for an account what
 * is its own, and for a panel's user (panel_users in the configuration's broker section) what it
 * wants for the account that it names. "For root only": all others get PGATE_ERR_FORBIDDEN.
 *
 * Structures whose first member is size may grow in later versions. Set size to sizeof the
 * structure and what you do not use to zero, as an initialiser does it ("= {}" in C++). A library
 * that is newer than the program takes defaults for what the program's structure lacks; one that
 * is older refuses a structure that sets something that it does not know.
 *
 * Threads. One handle serves many threads at once; accounts, sites, sessions and errors never
 * change and may be shared too. Freeing or closing is for one thread, when no other one uses the
 * object. A handle does not survive fork(): open another one in the child.
 *
 * The library has no global state; it installs no signal handler, no logger and no exit handler.
 * It reads no identity from the environment: who the caller is, the kernel says. A fault inside
 * never crosses into the program: it becomes PGATE_ERR_PANIC, and its place in the library's
 * source goes to standard error.
 *
 * Secrets. No function takes or returns the bare address of a session, and none returns a password.
 * What pgate_session_render() makes lets whoever has it into the site: it belongs into one
 * browser's answer and nowhere else.
 *
 * Licence: MIT OR Apache-2.0. Made from the comments in src/ffi, not by hand.
 */


#ifndef PANELGATE_H
#define PANELGATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The version of Panelgate that this header belongs to. */
#define PGATE_VERSION "0.1.0"
#define PGATE_VERSION_MAJOR 0
#define PGATE_VERSION_MINOR 1
#define PGATE_VERSION_PATCH 0


/**
 * The version of this ABI, which "Since ABI" in the comment of each function means; it is not that of
 * the package (PGATE_VERSION). It grows with every addition; the number in the library's file name
 * (libpanelgate.so.1) grows only when programs must be compiled again.
 */
#define PGATE_ABI_VERSION 1

/**
 * An open Panelgate: configuration, panel, and connections to the builder. Threads may share it.
 */
typedef struct pgate pgate;

/**
 * One hosting account (Plesk: one subscription) with its sites, as the panel had it when it was
 * looked up. It never changes, so threads may share it; look it up again to see changes.
 */
typedef struct pgate_account pgate_account;

/**
 * Why a function failed. Made by the function that failed, freed with pgate_error_free(); never
 * changes, so threads may share it.
 */
typedef struct pgate_error pgate_error;

/**
 * A signed-on session of the builder that a browser can be sent to. It never changes, so threads
 * may share it. Its address opens the site for whoever has it: send it to the one browser that
 * asked, and free the session soon.
 */
typedef struct pgate_session pgate_session;

/**
 * One site of an account. It belongs to the account and lives as long as that.
 */
typedef struct pgate_site pgate_site;

/**
 * What a fallible function returns: PGATE_OK, or one of the PGATE_ERR_ numbers.
 *
 * The numbers come in blocks of a hundred: 1xx caller and configuration, 2xx account data,
 * 3xx builder, 4xx publication, 5xx page request, 6xx store, 7xx backups, 9xx faults of Panelgate
 * itself. They are never renumbered. Later versions may add some: treat every number you do not
 * know as a failure.
 */
typedef int32_t pgate_status;

/**
 * Settings of pgate_open().
 */
typedef struct {
    /**
     * sizeof(pgate_options).
     */
    size_t size;
    /**
     * The configuration file; NULL is /etc/panelgate/panelgate.ini. A path may hold bytes that are
     * not UTF-8. The file must belong to root or to the user of this process and be closed to
     * everybody else.
     */
    const char *config_path;
    /**
     * The broker's socket; NULL is /run/panelgate/broker.sock. If it is set, the broker is asked even
     * by root, and no configuration is read.
     */
    const char *socket_path;
} pgate_options;

/**
 * What a site is to its account: one of the PGATE_SITE_ numbers. Later versions may add some.
 */
typedef int32_t pgate_kind;

/**
 * What pgate_session_create() shall open. Every member but size may be NULL.
 */
typedef struct {
    /**
     * sizeof(pgate_session_options).
     */
    size_t size;
    /**
     * The account's user name. NULL: the caller's own, or for root the one that has the site.
     */
    const char *account;
    /**
     * The site's name, in Unicode or ASCII. NULL: the account's only site that can be opened.
     */
    const char *site;
    /**
     * The language of the builder, as a locale ("de", "pt_BR"). NULL: the account's own.
     */
    const char *language;
    /**
     * Hash of a website that was begun in the vendor's public demo and shall become this site's.
     * NULL: none.
     */
    const char *create_from;
} pgate_session_options;

/**
 * How a redirect is written: one of the PGATE_DIALECT_ numbers.
 */
typedef int32_t pgate_dialect;

/**
 * What pgate_backup_start() shall back up. Every member but size may be NULL or 0.
 */
typedef struct {
    /**
     * sizeof(pgate_backup_options).
     */
    size_t size;
    /**
     * The account's user name. NULL: the caller's own, or for root the one that has the site.
     */
    const char *account;
    /**
     * The site's name, in Unicode or ASCII. NULL: the account as a whole, for root.
     */
    const char *site;
    /**
     * What the backup holds: "all", "hosting", "mail", "configuration", "project". NULL: of a site
     * its project at the builder, of an account all.
     */
    const char *scope;
    /**
     * Where it goes: "panel", "directory", "builder", or a name in the configuration. NULL: a
     * project to the configured directory, all else to the panel's own place.
     */
    const char *destination;
    /**
     * What the names of its files begin with. NULL: nothing of the kind.
     */
    const char *prefix;
    /**
     * What is said about it. NULL: nothing.
     */
    const char *description;
    /**
     * Largest size of one of its files, in bytes: a whole number of MiB. 0: one file.
     */
    uint64_t split_size;
} pgate_backup_options;

/**
 * Success.
 */
#define PGATE_OK 0

/**
 * A value given by the caller is malformed.
 */
#define PGATE_ERR_INVALID_ARGUMENT 101

/**
 * The configuration is missing, unreadable, unsafe or wrong.
 */
#define PGATE_ERR_CONFIG 102

/**
 * The caller may not do this.
 */
#define PGATE_ERR_FORBIDDEN 103

/**
 * The part of Panelgate that would do this is not running or not reachable.
 */
#define PGATE_ERR_UNAVAILABLE 104

/**
 * The two sides of the broker's socket are of versions that do not understand each other.
 */
#define PGATE_ERR_UPGRADE 105

/**
 * The caller asks for more than its share.
 */
#define PGATE_ERR_TOO_MANY 106

/**
 * The panel's data about the account is missing, unreadable or contradictory.
 */
#define PGATE_ERR_PANEL_DATA 201

/**
 * The panel has no such account.
 */
#define PGATE_ERR_ACCOUNT_NOT_FOUND 202

/**
 * The account has no such site.
 */
#define PGATE_ERR_SITE_NOT_FOUND 203

/**
 * The site belongs to another account.
 */
#define PGATE_ERR_SITE_NOT_YOURS 204

/**
 * Two accounts claim the site.
 */
#define PGATE_ERR_SITE_CONFLICT 205

/**
 * The account or the site is suspended.
 */
#define PGATE_ERR_SUSPENDED 206

/**
 * The account is a demonstration account.
 */
#define PGATE_ERR_DEMO_ACCOUNT 207

/**
 * The account's plan does not include the builder.
 */
#define PGATE_ERR_FEATURE_OFF 208

/**
 * The name is an alias of another site.
 */
#define PGATE_ERR_SITE_ALIAS 209

/**
 * The site has no web hosting, so there is nothing to publish to.
 */
#define PGATE_ERR_SITE_WITHOUT_HOSTING 210

/**
 * The builder cannot be reached or did not answer in time.
 */
#define PGATE_ERR_BUILDER_UNREACHABLE 301

/**
 * The builder's certificate cannot be verified.
 */
#define PGATE_ERR_BUILDER_TLS 302

/**
 * The builder does not accept the credentials.
 */
#define PGATE_ERR_BUILDER_AUTH 303

/**
 * The builder does not accept this server: address not on the licence, or wrong brand.
 */
#define PGATE_ERR_BUILDER_LICENCE 304

/**
 * The builder refused the request.
 */
#define PGATE_ERR_BUILDER_REFUSED 305

/**
 * The builder's answer is not what its documentation says.
 */
#define PGATE_ERR_BUILDER_PROTOCOL 306

/**
 * The address that the builder gave may not be opened.
 */
#define PGATE_ERR_BUILDER_URL 307

/**
 * The publication of this site is not set up.
 */
#define PGATE_ERR_PUBLICATION 401

/**
 * The archive with the website is damaged, or holds what may not be published.
 */
#define PGATE_ERR_ARCHIVE 411

/**
 * The archive with the website cannot be downloaded.
 */
#define PGATE_ERR_DOWNLOAD 412

/**
 * The website is being published already.
 */
#define PGATE_ERR_PUBLICATION_BUSY 413

/**
 * The publication was broken off before its end.
 */
#define PGATE_ERR_PUBLICATION_INTERRUPTED 414

/**
 * The builder shows no valid credentials for the site.
 */
#define PGATE_ERR_CREDENTIALS_REJECTED 431

/**
 * The builder sends a file without saying how long it is.
 */
#define PGATE_ERR_LENGTH_REQUIRED 432

/**
 * What the builder asks for cannot be done with a file or directory of that name.
 */
#define PGATE_ERR_PATH_REFUSED 433

/**
 * The disk or the account's quota is full.
 */
#define PGATE_ERR_NO_SPACE 434

/**
 * The site's document root cannot be published to.
 */
#define PGATE_ERR_DOCUMENT_ROOT 435

/**
 * Nothing of the site is published that could be taken back.
 */
#define PGATE_ERR_NOTHING_PUBLISHED 436

/**
 * The form has expired or was not made for this visitor.
 */
#define PGATE_ERR_TOKEN_REJECTED 501

/**
 * The request is malformed.
 */
#define PGATE_ERR_BAD_REQUEST 502

/**
 * The request is larger than allowed.
 */
#define PGATE_ERR_TOO_LARGE 503

/**
 * The request's method is not offered here.
 */
#define PGATE_ERR_METHOD_NOT_ALLOWED 504

/**
 * A browser asked ahead of time for a page that must only be opened on purpose.
 */
#define PGATE_ERR_PREFETCH 505

/**
 * The store cannot be read or written.
 */
#define PGATE_ERR_STORE 600

/**
 * What makes the backup cannot do this.
 */
#define PGATE_ERR_BACKUP_UNSUPPORTED 701

/**
 * What makes the backup has tried, or refuses.
 */
#define PGATE_ERR_BACKUP_FAILED 702

/**
 * What makes the backup cannot be reached, hangs, or answers what is not documented.
 */
#define PGATE_ERR_BACKUP_PROVIDER 703

/**
 * There is no such backup, or no such job that makes one.
 */
#define PGATE_ERR_BACKUP_NOT_FOUND 704

/**
 * There is no such job.
 */
#define PGATE_ERR_JOB_NOT_FOUND 705

/**
 * What makes the backup cannot be reached or did not answer in time.
 */
#define PGATE_ERR_BACKUP_UNREACHABLE 712

/**
 * The certificate of what makes the backup cannot be verified.
 */
#define PGATE_ERR_BACKUP_TLS 713

/**
 * What makes the backup does not accept the credentials, or does not allow the operation.
 */
#define PGATE_ERR_BACKUP_AUTH 714

/**
 * What makes the backup refused the request.
 */
#define PGATE_ERR_BACKUP_REFUSED 715

/**
 * What makes the backup gave an answer that is not what its documentation says.
 */
#define PGATE_ERR_BACKUP_PROTOCOL 716

/**
 * A fault of Panelgate or of the system below it.
 */
#define PGATE_ERR_INTERNAL 900

/**
 * A fault of Panelgate that stopped a function half-way.
 */
#define PGATE_ERR_PANIC 901

/**
 * The account's main domain.
 */
#define PGATE_SITE_MAIN 1

/**
 * An add-on domain: a further domain with a document root of its own.
 */
#define PGATE_SITE_ADDON 2

/**
 * A subdomain.
 */
#define PGATE_SITE_SUB 3

/**
 * A further name of another site; it has no files of its own.
 */
#define PGATE_SITE_ALIAS 4

/**
 * A CGI answer (RFC 3875): a Status header and further headers; the web server makes the
 * status line.
 */
#define PGATE_DIALECT_CGI 1

/**
 * A whole HTTP response with its status line, for a front that passes bytes through as they are
 * (DirectAdmin's .raw files, Webmin).
 */
#define PGATE_DIALECT_NPH 2

/**
 * HTML with a link and a refresh, for a panel that puts it into a page of its own and cannot
 * redirect.
 */
#define PGATE_DIALECT_PAGE 3

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Returns the version of the ABI that the loaded library has; compare it with PGATE_ABI_VERSION,
 * which is the one that your program was compiled with. A library that is newer serves it, an
 * older one may lack functions.
 *
 * Since ABI 1.
 */
uint32_t pgate_abi_version(void);

/**
 * Returns the version of the loaded library, such as "1.4.2"; PGATE_VERSION is the one that your
 * program was compiled with.
 *
 * Static: never freed.
 *
 * Since ABI 1.
 */
const char *pgate_version(void);

/**
 * Opens Panelgate. For root: reads and checks the configuration, finds the panel and finds out from
 * the kernel who is calling. For everybody else the broker does that with each call; nothing is
 * connected yet.
 *
 * options may be NULL: all defaults. *out becomes a handle, which the caller closes with
 * pgate_close().
 *
 * A user with a private configuration file of that user's own is served without the broker too. A
 * root process that a web server or panel has started as a CGI program is refused, since it would
 * answer whoever is at the other end.
 *
 * Errors: PGATE_ERR_CONFIG with file and line, PGATE_ERR_UNAVAILABLE, PGATE_ERR_FORBIDDEN in a
 * set-user-id process.
 *
 * Since ABI 1.
 */
pgate_status pgate_open(const pgate_options *options, pgate **out, pgate_error **err);

/**
 * Closes a handle, its connections included. NULL is allowed.
 *
 * No other thread may be using it. Accounts and sessions that came from it stay valid. No thread
 * of the library outlives this call, except one that waits in the system's name look-up, which
 * cannot be cancelled.
 *
 * Since ABI 1.
 */
void pgate_close(pgate *handle);

/**
 * Looks up an account by its user name.
 *
 * username may be NULL for a caller who is an account: its own. Such a caller is refused every
 * other one. *out becomes an account, which the caller frees with pgate_account_free().
 *
 * Reads the panel's data of this one account, however many others there are; on Plesk it runs the
 * panel's own program, which may take seconds.
 *
 * Errors: PGATE_ERR_INVALID_ARGUMENT (also for root without a name), PGATE_ERR_ACCOUNT_NOT_FOUND,
 * PGATE_ERR_FORBIDDEN, PGATE_ERR_PANEL_DATA; for a caller who is not root also
 * PGATE_ERR_SUSPENDED, PGATE_ERR_DEMO_ACCOUNT, PGATE_ERR_FEATURE_OFF.
 *
 * Since ABI 1.
 */
pgate_status pgate_account_find(const pgate *handle,
                                const char *username,
                                pgate_account **out,
                                pgate_error **err);

/**
 * Looks up the account that has a site.
 *
 * domain is the site's name in Unicode or ASCII (punycode). Root finds every account's sites;
 * an account finds its own. *out becomes an account, which the caller frees with
 * pgate_account_free().
 *
 * Errors: PGATE_ERR_SITE_NOT_FOUND, PGATE_ERR_SITE_NOT_YOURS, PGATE_ERR_SITE_CONFLICT if several
 * accounts claim the site, and those of pgate_account_find().
 *
 * Since ABI 1.
 */
pgate_status pgate_account_of_site(const pgate *handle,
                                   const char *domain,
                                   pgate_account **out,
                                   pgate_error **err);

/**
 * Frees an account, its sites and the strings that they lend. NULL is allowed.
 *
 * Since ABI 1.
 */
void pgate_account_free(pgate_account *account);

/**
 * Returns the account's user name; NULL if account is NULL.
 *
 * Lent by the account.
 *
 * Since ABI 1.
 */
const char *pgate_account_username(const pgate_account *account);

/**
 * Returns the account's home directory, an absolute path; NULL if account is NULL. A path may
 * hold bytes that are not UTF-8.
 *
 * Lent by the account.
 *
 * Since ABI 1.
 */
const char *pgate_account_home(const pgate_account *account);

/**
 * Returns who the account belongs to (reseller, administrator, customer), as the panel names
 * them; NULL if the panel names nobody or account is NULL.
 *
 * Lent by the account.
 *
 * Since ABI 1.
 */
const char *pgate_account_owner(const pgate_account *account);

/**
 * Returns the account's plan (package, service plan); NULL if it has none or account is NULL.
 *
 * Lent by the account.
 *
 * Since ABI 1.
 */
const char *pgate_account_plan(const pgate_account *account);

/**
 * Returns the account's locale as the panel writes it ("en", "pt_br", "de-DE"); NULL if the
 * panel knows none or account is NULL.
 *
 * Lent by the account.
 *
 * Since ABI 1.
 */
const char *pgate_account_locale(const pgate_account *account);

/**
 * Returns the address under which the world reaches the account's sites, as text ("192.0.2.7",
 * "2001:db8::7"); NULL if it is not known or account is NULL.
 *
 * Lent by the account.
 *
 * Since ABI 1.
 */
const char *pgate_account_public_ip(const pgate_account *account);

/**
 * Returns whether the panel has suspended the account. false if account is NULL.
 *
 * Since ABI 1.
 */
bool pgate_account_suspended(const pgate_account *account);

/**
 * Returns whether it is a demonstration account. false if account is NULL.
 *
 * Since ABI 1.
 */
bool pgate_account_demo(const pgate_account *account);

/**
 * Returns whether the account's plan and features include the builder. false if account is NULL.
 *
 * Since ABI 1.
 */
bool pgate_account_has_builder(const pgate_account *account);

/**
 * Makes one JSON text of the account with all its sites and what can be opened. Members may be
 * added in later versions.
 *
 * *out becomes a string, which the caller frees with pgate_string_free().
 *
 * Errors: PGATE_ERR_INVALID_ARGUMENT, PGATE_ERR_INTERNAL if a path is not UTF-8.
 *
 * Since ABI 1.
 */
pgate_status pgate_account_json(const pgate_account *account, char **out, pgate_error **err);

/**
 * Returns how many sites the account has. 0 if account is NULL.
 *
 * Since ABI 1.
 */
size_t pgate_account_site_count(const pgate_account *account);

/**
 * Returns a site of the account by its place: the main site is 0, the others follow by name.
 * NULL from pgate_account_site_count() on.
 *
 * Lent by the account.
 *
 * Since ABI 1.
 */
const pgate_site *pgate_account_site(const pgate_account *account, size_t index);

/**
 * Returns the site's name in lower case ASCII (punycode), as DNS knows it; NULL if site is NULL.
 *
 * Lent by the site's account.
 *
 * Since ABI 1.
 */
const char *pgate_site_domain(const pgate_site *site);

/**
 * Returns the site's name in Unicode, to be shown to people; NULL if site is NULL.
 *
 * Lent by the site's account.
 *
 * Since ABI 1.
 */
const char *pgate_site_domain_unicode(const pgate_site *site);

/**
 * Returns what the site is to its account: one of the PGATE_SITE_ numbers. 0 if site is NULL.
 *
 * Since ABI 1.
 */
pgate_kind pgate_site_kind(const pgate_site *site);

/**
 * Returns the site's document root, an absolute path; for an alias that of the site that it is
 * another name of. NULL if site is NULL or has no web hosting, or if its document root is not below
 * the account's home. A path may hold bytes that are not UTF-8.
 *
 * Lent by the site's account.
 *
 * Since ABI 1.
 */
const char *pgate_site_document_root(const pgate_site *site);

/**
 * Returns whether the panel has suspended this site alone. false if site is NULL.
 *
 * Since ABI 1.
 */
bool pgate_site_suspended(const pgate_site *site);

/**
 * Returns the name of the site that this one is an alias of, in ASCII; NULL if it is none or site
 * is NULL.
 *
 * Lent by the site's account.
 *
 * Since ABI 1.
 */
const char *pgate_site_alias_of(const pgate_site *site);

/**
 * Returns why the site cannot be opened in the builder, as the status that pgate_session_create()
 * would return; PGATE_OK if it can. PGATE_ERR_INVALID_ARGUMENT if site is NULL.
 *
 * Since ABI 1.
 */
pgate_status pgate_site_refused(const pgate_site *site);

/**
 * Opens a builder session for a site, after checking that the site is the account's now, that
 * the account may use the builder and that the caller may act for the account.
 *
 * options may be NULL: the caller's own account and its only site. *out becomes a session, which
 * the caller frees with pgate_session_free(). It lives at the builder for a time that the builder
 * decides.
 *
 * Waits for the builder, at most as long as the configuration's builder section says (timeout; 30
 * seconds unless set).
 *
 * Errors: PGATE_ERR_INVALID_ARGUMENT (also if the account has several sites and none is named),
 * those of pgate_account_of_site(), PGATE_ERR_SITE_ALIAS, PGATE_ERR_SITE_WITHOUT_HOSTING,
 * PGATE_ERR_PUBLICATION, and all of 3xx. pgate_error_reference() has the number for the user.
 *
 * Since ABI 1.
 */
pgate_status pgate_session_create(const pgate *handle,
                                  const pgate_session_options *options,
                                  pgate_session **out,
                                  pgate_error **err);

/**
 * Returns the session's site, in ASCII; NULL if session is NULL.
 *
 * Lent by the session.
 *
 * Since ABI 1.
 */
const char *pgate_session_site(const pgate_session *session);

/**
 * Returns the user name of the session's account; NULL if session is NULL.
 *
 * Lent by the session.
 *
 * Since ABI 1.
 */
const char *pgate_session_account(const pgate_session *session);

/**
 * Returns the request's reference number ("7K3M-9QXT"), for the host's log; NULL if session is
 * NULL. It says nothing and opens nothing.
 *
 * Lent by the session.
 *
 * Since ABI 1.
 */
const char *pgate_session_reference(const pgate_session *session);

/**
 * Makes the answer that sends the browser to the session, headers included; write its bytes to
 * the browser's front as they are.
 *
 * dialect is one of the PGATE_DIALECT_ numbers. language is the locale of the few words that the
 * answer shows; NULL: that of the session's options, or English. *out becomes a string, which the
 * caller frees with pgate_string_free(); *length, unless length is NULL, its length in bytes
 * without the final NUL. There is no NUL before that.
 *
 * Errors: PGATE_ERR_INVALID_ARGUMENT.
 *
 * Since ABI 1.
 */
pgate_status pgate_session_render(const pgate_session *session,
                                  pgate_dialect dialect,
                                  const char *language,
                                  char **out,
                                  size_t *length,
                                  pgate_error **err);

/**
 * Frees a session and wipes its address. NULL is allowed. The session at the builder goes on.
 *
 * Since ABI 1.
 */
void pgate_session_free(pgate_session *session);

/**
 * Makes any call of the builder's.
 *
 * name is the call's name in docs/operations.md, such as "website/get-settings". json_in is a JSON
 * object of at most 1 MiB with what the call takes. Two members are the library's own and are not
 * sent as they are: "domain" names the site in every call about one, and "account" the account that
 * has it (for a panel's user it must be there). What is wrong in json_in is found, and named by its
 * member, before anything is sent. *json_out becomes the builder's answer as one JSON text without
 * anything secret, a few MiB at most, which the caller frees with pgate_string_free().
 *
 * docs/operations.md says of each call whether it is for root only.
 *
 * Waits for the builder, at most three times as long as the configuration's builder section says
 * (timeout; 30 seconds unless set). A call that must not be made twice is sent once, whatever
 * happens: after PGATE_ERR_BUILDER_UNREACHABLE or PGATE_ERR_UNAVAILABLE it may have been made.
 *
 * Errors: PGATE_ERR_INVALID_ARGUMENT with the member's name, PGATE_ERR_CONFIG for a call that is
 * off in the configuration, PGATE_ERR_FORBIDDEN, PGATE_ERR_TOO_MANY, PGATE_ERR_TOO_LARGE if the
 * call was made and its answer is larger than that, those of pgate_session_create(), and all of
 * 3xx. pgate_error_reference() has the number under which the log tells more.
 *
 * Since ABI 1.
 */
pgate_status pgate_call(const pgate *handle,
                        const char *name,
                        const char *json_in,
                        char **json_out,
                        pgate_error **err);

/**
 * Lists all calls of the builder's that pgate_call() knows.
 *
 * *json_out becomes a JSON array, which the caller frees with pgate_string_free(). Each item has
 * "name", "summary", "idempotent", "destructive", "site" (whether it takes "domain") and "fields"
 * with "name", "kind", "needed", "inferred" (the documentation does not show the name) and
 * "meaning". Members may be added in later versions. It is the same on every server: what a
 * configuration adds or switches off is not in it.
 *
 * Errors: PGATE_ERR_INVALID_ARGUMENT.
 *
 * Since ABI 1.
 */
pgate_status pgate_calls_json(char **json_out, pgate_error **err);

/**
 * Blocks or unblocks a published website in the brand's licence: what a panel does when an account
 * is suspended or comes back. The files of the website stay reachable on this server; whoever
 * suspends must see to that too. For root only.
 *
 * Errors: those of pgate_call().
 *
 * Since ABI 1.
 */
pgate_status pgate_site_block(const pgate *handle,
                              const char *domain,
                              bool blocked,
                              pgate_error **err);

/**
 * Gives a site another domain at the builder, and here. The new domain must be one of the same
 * account's, or nobody's yet. Call it before or after the panel has renamed the site. For root only.
 *
 * Errors: those of pgate_call(), PGATE_ERR_SITE_NOT_YOURS and PGATE_ERR_SITE_CONFLICT if the new
 * domain is or was another site's.
 *
 * Since ABI 1.
 */
pgate_status pgate_site_rename(const pgate *handle,
                               const char *domain,
                               const char *new_domain,
                               pgate_error **err);

/**
 * Deletes a site's project at the builder. It cannot be brought back; what is published stays. For
 * root only.
 *
 * Errors: those of pgate_call().
 *
 * Since ABI 1.
 */
pgate_status pgate_site_delete_project(const pgate *handle, const char *domain, pgate_error **err);

/**
 * Says what is published of a site.
 *
 * account may be NULL: the caller's own, or for root the one that has the site. *out becomes a
 * JSON object, which the caller frees with pgate_string_free(): published (whether anything is),
 * files, bytes, last (null, or the last publication as in pgate_publication_history()), window
 * (null, or how many paths a publication that is under way has touched) and can_undo. Members may be
 * added in later versions. What it says comes from a process of the account and is the account's
 * word.
 *
 * Starts that process and waits for it: milliseconds, seconds on a busy disk.
 *
 * Errors: those of pgate_account_of_site(), PGATE_ERR_SITE_ALIAS, PGATE_ERR_SITE_WITHOUT_HOSTING,
 * PGATE_ERR_DOCUMENT_ROOT, PGATE_ERR_TOO_MANY while another process works on the site, and
 * PGATE_ERR_SITE_NOT_FOUND too if the site was never opened.
 *
 * Since ABI 1.
 */
pgate_status pgate_publication_status(const pgate *handle,
                                      const char *account,
                                      const char *site,
                                      char **out,
                                      pgate_error **err);

/**
 * Lists the publications of a site so far, the oldest first, as a JSON array of objects: number,
 * kind ("http", "archive", "undo", "unpublish"), opened and closed (seconds since 1970), files,
 * bytes. Members and kinds may be added in later versions.
 *
 * Arguments and errors as for pgate_publication_status(). *out becomes a string, which the caller
 * frees with pgate_string_free().
 *
 * Since ABI 1.
 */
pgate_status pgate_publication_history(const pgate *handle,
                                       const char *account,
                                       const char *site,
                                       char **out,
                                       pgate_error **err);

/**
 * Goes back to what was published before the last publication; one under way is closed first. For
 * root only.
 *
 * *out becomes a JSON object, which the caller frees with pgate_string_free(): number (of the
 * publication that was taken back) and how many files were removed, restored, set_aside (changed by
 * hand since) and kept (from before, but something else has their place); the last two lie below
 * .panelgate in the home. Members may be added in later versions. Arguments as for
 * pgate_publication_status().
 *
 * Takes time with the number of files. The same errors, and PGATE_ERR_NOTHING_PUBLISHED if there
 * is nothing to go back to, PGATE_ERR_NO_SPACE. After an error it can be called again and goes on.
 *
 * Since ABI 1.
 */
pgate_status pgate_publication_undo(const pgate *handle,
                                    const char *account,
                                    const char *site,
                                    char **out,
                                    pgate_error **err);

/**
 * Removes exactly what was published, and puts back what was there before the first publication.
 * For root only.
 *
 * Arguments and errors as for pgate_publication_undo(). *out becomes a string like there, which
 * the caller frees with pgate_string_free().
 *
 * Since ABI 1.
 */
pgate_status pgate_publication_unpublish(const pgate *handle,
                                         const char *account,
                                         const char *site,
                                         char **out,
                                         pgate_error **err);

/**
 * Orders a backup. The order is on the disk when this returns; the program that runs jobs does
 * the work. A second order for the same joins the first one.
 *
 * *job becomes its number, which is never given twice.
 *
 * Waits for the panel's data: milliseconds, with a remote panel seconds.
 *
 * Errors: PGATE_ERR_INVALID_ARGUMENT, PGATE_ERR_BACKUP_UNSUPPORTED if nothing on this server can
 * make such a backup, PGATE_ERR_BACKUP_NOT_FOUND if the site was never opened and has no project,
 * PGATE_ERR_FORBIDDEN for what only root may order, PGATE_ERR_TOO_MANY and PGATE_ERR_NO_SPACE for
 * an account whose backups take their share already, and those of pgate_account_of_site().
 *
 * Since ABI 1.
 */
pgate_status pgate_backup_start(const pgate *handle,
                                const pgate_backup_options *options,
                                uint64_t *job,
                                pgate_error **err);

/**
 * Says how far a backup is, as a JSON object: id, state ("waiting", "running", "done", "failed",
 * "cancelled"), percent (0 to 100 or null), queued (seconds since 1970), and for root reason, why
 * it failed or waits. Members and states may be added in later versions.
 *
 * *out becomes a string, which the caller frees with pgate_string_free().
 *
 * Errors: PGATE_ERR_BACKUP_NOT_FOUND, PGATE_ERR_STORE.
 *
 * Since ABI 1.
 */
pgate_status pgate_backup_poll(const pgate *handle, uint64_t job, char **out, pgate_error **err);

/**
 * Waits until a backup has ended, at most so many seconds; then says how far it is as
 * pgate_backup_poll() does. Whether it has ended, state says: a time that is over is no error.
 *
 * *out becomes a string, which the caller frees with pgate_string_free().
 *
 * Errors: those of pgate_backup_poll().
 *
 * Since ABI 1.
 */
pgate_status pgate_backup_wait(const pgate *handle,
                               uint64_t job,
                               uint32_t seconds,
                               char **out,
                               pgate_error **err);

/**
 * Wants a backup to end, and says how far it is as pgate_backup_poll() does: one that runs ends a
 * little later, one that is done stays done. For root only.
 *
 * *out becomes a string, which the caller frees with pgate_string_free().
 *
 * Errors: PGATE_ERR_FORBIDDEN, and those of pgate_backup_poll().
 *
 * Since ABI 1.
 */
pgate_status pgate_backup_cancel(const pgate *handle, uint64_t job, char **out, pgate_error **err);

/**
 * Puts the newest backup of each of an account's projects where the panel's own backup takes it
 * along: into ~/.panelgate/backup/, or, if staging is not NULL and that directory is the account's
 * own, into panelgate/backup/ below it. Only a process that runs as the account writes there. To be
 * called before the panel packs the account's home; pgate_backup_detach() takes away what was put
 * there. For root only.
 *
 * A backup that is older than the configuration allows is made anew if the builder gives it within
 * deadline_seconds; 0: what there is is taken. A builder that is slow or down is no error. Copying
 * has bounds of its own.
 *
 * *out becomes a JSON object: account, carry (false: it is switched off, and nothing was done),
 * place ("home", "staging" or null) and sites, an array of objects with site, state ("attached",
 * "old", "none", "refused"), made (seconds since 1970 or null), size (bytes or null) and note (why
 * it is not as it should be, or null), which the caller frees with pgate_string_free(). Members and
 * states may be added in later versions.
 *
 * Errors: PGATE_ERR_FORBIDDEN, PGATE_ERR_ACCOUNT_NOT_FOUND, PGATE_ERR_PANEL_DATA,
 * PGATE_ERR_STORE. None of them is a reason not to make the panel's backup.
 *
 * Since ABI 1.
 */
pgate_status pgate_backup_attach(const pgate *handle,
                                 const char *account,
                                 const char *staging,
                                 uint32_t deadline_seconds,
                                 char **out,
                                 pgate_error **err);

/**
 * Takes away what pgate_backup_attach() has put there, once the panel has packed the account, or
 * given up. What another backup of the panel needs that runs at the same time stays until that one
 * ends. What cannot be taken away now goes later by itself. For root only.
 *
 * *out becomes a JSON object: account, removed (how many projects went), uses (how many other
 * backups of the panel need them), which the caller frees with pgate_string_free().
 *
 * Errors: those of pgate_backup_attach(), PGATE_ERR_UNAVAILABLE, PGATE_ERR_BACKUP_FAILED.
 *
 * Since ABI 1.
 */
pgate_status pgate_backup_detach(const pgate *handle,
                                 const char *account,
                                 const char *staging,
                                 char **out,
                                 pgate_error **err);

/**
 * Tells of an event of the panel's: an account was made, renamed, suspended, removed and so on.
 * What follows from it is on the disk when this returns, and is done by the program that runs jobs,
 * which asks the panel anew: an event is a hint.
 *
 * source says who speaks, and payload is what was given to the hook, as it is, of length bytes:
 * "cpanel": the JSON object on a script hook's standard input. "directadmin/NAME", where NAME is the
 * hook's file name without ".sh": its variables as KEY=VALUE, each ended by NUL. "plesk/EVENT": a
 * JSON object, or variables as before. "plain": {"event": "suspend", "account": "...", "domain":
 * "...", "old": {"account": "...", "domain": "..."}}, where event is one of create, rename, suspend,
 * unsuspend, remove, plan, password, restore, domain-added, domain-removed, address, refresh,
 * reconcile. Nothing but names is read from a payload, and nothing of it is kept besides. payload may
 * be NULL if length is 0.
 *
 * *out becomes a JSON object, which the caller frees with pgate_string_free(): event (the kind, or
 * null), account (or null), job (a number, or null if nothing has to be done), ignored (null, or why
 * nothing follows from it). Members may be added in later versions.
 *
 * For a caller that is an account the payload is not looked at: it is a wish to have the panel asked
 * anew about itself, whatever it says. For a panel's user it is that wish for whom it names.
 *
 * Waits for nothing but the disk and, for root, a few hundredths of a second for the broker.
 *
 * Errors: PGATE_ERR_INVALID_ARGUMENT for a payload that is not what its source sends or larger than
 * 1 MiB, PGATE_ERR_FORBIDDEN, PGATE_ERR_TOO_MANY, PGATE_ERR_STORE, PGATE_ERR_UNAVAILABLE.
 *
 * Since ABI 1.
 */
pgate_status pgate_event(const pgate *handle,
                         const char *source,
                         const uint8_t *payload,
                         size_t length,
                         char **out,
                         pgate_error **err);

/**
 * Returns the number of the error: the status that the function has returned. PGATE_OK if error
 * is NULL.
 *
 * Since ABI 1.
 */
pgate_status pgate_error_code(const pgate_error *error);

/**
 * Returns the name of the error, in lower case with dashes ("site-not-found"): stable, for logs
 * and programs. "ok" if error is NULL.
 *
 * Lent by the error.
 *
 * Since ABI 1.
 */
const char *pgate_error_name(const pgate_error *error);

/**
 * Returns what is wrong, where, and what to do, in English, for the administrator and the log.
 * It never holds a password or a session's address. It may name files and other accounts: do not
 * show it to a panel's user, who gets pgate_error_user_message(). "" if error is NULL.
 *
 * Lent by the error.
 *
 * Since ABI 1.
 */
const char *pgate_error_message(const pgate_error *error);

/**
 * Makes the sentence for the panel's user: what they can do about it, in their language, as plain
 * text (escape it for HTML).
 *
 * language is a locale such as "de", "pt_BR" or "ar"; NULL, or one without a catalogue, gives
 * English.
 *
 * Returns a string that the caller frees with pgate_string_free(); NULL if error is NULL or
 * language is not UTF-8.
 *
 * Since ABI 1.
 */
char *pgate_error_user_message(const pgate_error *error, const char *language);

/**
 * Returns the reference number of the request that failed ("7K3M-9QXT"), to be shown to the
 * panel's user and written to the host's log; NULL if the function gives none or error is NULL.
 * pgate_session_create(), pgate_call(), pgate_site_block(), pgate_site_rename(),
 * pgate_site_delete_project() and the functions of publications give one.
 *
 * Lent by the error.
 *
 * Since ABI 1.
 */
const char *pgate_error_reference(const pgate_error *error);

/**
 * Returns whether the same call may succeed later without anybody changing anything. false if
 * error is NULL.
 *
 * Since ABI 1.
 */
bool pgate_error_retryable(const pgate_error *error);

/**
 * Frees an error and the strings that it lends. NULL is allowed.
 *
 * Since ABI 1.
 */
void pgate_error_free(pgate_error *error);

/**
 * Frees a string that a function of this library has handed out as its caller's own, and wipes
 * it first: a rendered redirect holds the address of a session.
 *
 * NULL is allowed. Strings that are only lent (const char *) must not be passed here.
 *
 * Since ABI 1.
 */
void pgate_string_free(char *string);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* PANELGATE_H */
