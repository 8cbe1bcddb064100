/* Makes calls of the builder's. Arguments: CONFIG, then pairs of NAME JSON; prints one answer a line.
 * With NAME "list", the list; with "block", "unblock", "rename NEW" and "delete", the typed ones on the site that JSON holds as plain text. */
#include "check.h"

static void show(char *json)
{
    CHECK(json != NULL);
    printf("%s\n", json);
    pgate_string_free(json);
}

int main(int argc, char **argv)
{
    CHECK(argc >= 2);
    pgate *handle = open_config(argv[1]);
    for (int at = 2; at + 1 < argc; at += 2) {
        const char *name = argv[at], *input = argv[at + 1];
        char *json = NULL;
        pgate_error *err = NULL;
        pgate_status status;
        if (strcmp(name, "list") == 0) {
            status = pgate_calls_json(&json, &err);
        } else if (strcmp(name, "block") == 0 || strcmp(name, "unblock") == 0) {
            status = pgate_site_block(handle, input, strcmp(name, "block") == 0, &err);
        } else if (strncmp(name, "rename ", 7) == 0) {
            status = pgate_site_rename(handle, input, name + 7, &err);
        } else if (strcmp(name, "delete") == 0) {
            status = pgate_site_delete_project(handle, input, &err);
        } else {
            status = pgate_call(handle, name, input, &json, &err);
        }
        if (status != PGATE_OK) {
            CHECK(json == NULL && pgate_error_code(err) == status);
            printf("error %s %s\n", pgate_error_name(err), pgate_error_message(err));
            pgate_error_free(err);
        } else if (json == NULL) {
            printf("ok\n");
        } else {
            show(json);
        }
    }

    /* What must not be NULL. */
    char *json = NULL;
    pgate_error *err = NULL;
    pgate_status status = pgate_call(handle, NULL, "{}", &json, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_call(handle, "category-list", NULL, &json, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_call(handle, "category-list", "{}", NULL, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_call(NULL, "category-list", "{}", &json, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_call(handle, "category-list", "{", &json, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_call(handle, "category-list", "[]", &json, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_site_rename(handle, "shop.example", NULL, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_site_block(handle, NULL, true, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    status = pgate_calls_json(NULL, &err);
    CHECK_ERROR(status, err, PGATE_ERR_INVALID_ARGUMENT);
    CHECK(json == NULL);
    pgate_close(handle);
    return 0;
}
