/* What the C programs of the tests share. They compile as C11 and as C++17 without a warning. */
#ifndef CHECK_H
#define CHECK_H

#include <panelgate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the program with 1, saying where, if what must hold does not. */
#define CHECK(condition)                                                        \
    do {                                                                        \
        if (!(condition)) {                                                     \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);     \
            exit(1);                                                            \
        }                                                                       \
    } while (0)

/* As CHECK, for two strings of which either may be NULL; says what was there. */
#define CHECK_TEXT(actual, wanted) check_text((actual), (wanted), __FILE__, __LINE__)

/* As CHECK, for a status and the error that belongs to it; frees the error. */
#define CHECK_ERROR(status, err, wanted) check_error((status), &(err), (wanted), __FILE__, __LINE__)

static inline void check_text(const char *actual, const char *wanted, const char *file, int line)
{
    if ((actual == NULL) != (wanted == NULL) || (wanted != NULL && strcmp(actual, wanted) != 0)) {
        fprintf(stderr, "%s:%d: \"%s\" is not \"%s\"\n", file, line, actual ? actual : "(NULL)",
                wanted ? wanted : "(NULL)");
        exit(1);
    }
}

static inline void check_error(pgate_status status, pgate_error **err, pgate_status wanted,
                               const char *file, int line)
{
    pgate_status code = pgate_error_code(*err);
    if (status != wanted || code != wanted) {
        fprintf(stderr, "%s:%d: status %d, error %d (%s: %s), wanted %d\n", file, line, status, code,
                pgate_error_name(*err), pgate_error_message(*err), wanted);
        exit(1);
    }
    if (wanted != PGATE_OK && strlen(pgate_error_message(*err)) < 10) {
        fprintf(stderr, "%s:%d: the error says nothing\n", file, line);
        exit(1);
    }
    pgate_error_free(*err);
    *err = NULL;
}

static inline pgate *open_config(const char *config)
{
    pgate_options options;
    pgate *handle = NULL;
    pgate_error *err = NULL;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.config_path = config;
    pgate_status status = pgate_open(&options, &handle, &err);
    CHECK_ERROR(status, err, PGATE_OK);
    CHECK(handle != NULL);
    return handle;
}

#endif
