#!/bin/sh
# WHM's page, which WHM starts as root. It does nothing but start whm.py in an environment of its own; that one becomes panelgate-web for good.
[ -e /proc/self/fd/0 ] || exec 0</dev/null
[ -e /proc/self/fd/2 ] || exec 2>/dev/null
page=/usr/share/panelgate/panel-hooks/cpanel/whm.py
for python in /usr/bin/python3 /usr/libexec/platform-python; do
    if [ -x "$python" ] && [ -r "$page" ]; then
        exec /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C \
            ${REMOTE_USER+"REMOTE_USER=$REMOTE_USER"} \
            ${REQUEST_METHOD+"REQUEST_METHOD=$REQUEST_METHOD"} \
            "$python" -I -B "$page"
    fi
done
printf 'Status: 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n\r\n'
echo 'Python 3 or the package panelgate is not installed.'
