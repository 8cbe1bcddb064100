/* The least that a CGI program can do: the measure of what starting a process costs. Built with -static. */
#include <stdio.h>

int main(void) {
    fputs("Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nhello\n", stdout);
    return 0;
}
