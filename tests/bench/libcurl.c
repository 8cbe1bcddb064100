/* The peer of the benchmark: what a plugin in C with libcurl does for one click, and nothing else.
 * It reads its settings from a file of "key=value" lines, posts one session call with Basic credentials and verified TLS,
 * takes "url" out of the reply and prints a redirect. No account data, no policy, no checks. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reply {
    char text[65536];
    size_t length;
};

static size_t keep(char *data, size_t size, size_t count, void *to) {
    struct reply *reply = to;
    size_t bytes = size * count;
    if (bytes > sizeof reply->text - 1 - reply->length) return 0;
    memcpy(reply->text + reply->length, data, bytes);
    reply->length += bytes;
    reply->text[reply->length] = '\0';
    return bytes;
}

static char url[512], login[256], ca_file[512], proxy[256], body[4096];

static void setting(char *line) {
    char *value = strchr(line, '=');
    if (!value) return;
    *value++ = '\0';
    value[strcspn(value, "\n")] = '\0';
    if (!strcmp(line, "url")) snprintf(url, sizeof url, "%s", value);
    if (!strcmp(line, "login")) snprintf(login, sizeof login, "%s", value);
    if (!strcmp(line, "ca_file")) snprintf(ca_file, sizeof ca_file, "%s", value);
    if (!strcmp(line, "proxy")) snprintf(proxy, sizeof proxy, "%s", value);
    if (!strcmp(line, "body")) snprintf(body, sizeof body, "%s", value);
}

int main(int argc, char **argv) {
    static struct reply reply;
    char line[8192];
    FILE *file = argc > 1 ? fopen(argv[1], "r") : NULL;
    if (!file) return 2;
    while (fgets(line, sizeof line, file)) setting(line);
    fclose(file);

    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_USERPWD, login);
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_PROXY, proxy);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply);
    CURLcode code = curl_easy_perform(curl);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    if (code != CURLE_OK) {
        fprintf(stderr, "%s\n", curl_easy_strerror(code));
        return 1;
    }
    char *start = strstr(reply.text, "\"url\":\"");
    char *end = start ? strchr(start + 7, '"') : NULL;
    if (!end) return 1;
    *end = '\0';
    printf("Status: 303 See Other\r\nLocation: %s\r\nCache-Control: no-store\r\n\r\n", start + 7);
    return 0;
}
