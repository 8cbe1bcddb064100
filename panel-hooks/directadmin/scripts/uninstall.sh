#!/bin/sh
# Run by root before the plugin's folder is removed. Configuration and state, /etc/panelgate and /var/lib/panelgate, are the package's and stay.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH

plugin=$(cd "$(dirname "$0")/.." && pwd -P) || exit 1
items=${plugin%/plugins/panelgate}/data/admin/custom_package_items.conf
if [ -f "$items" ] && [ ! -L "$items" ]; then
    sed -i -e '/^panelgate=/d' -e '/^panelgate_sites=/d' "$items"
    # install.sh makes it where there is none.
    [ -s "$items" ] || rm -f "$items"
fi
echo 'The Website Builder is removed from DirectAdmin. Published websites stay as they are.<br>'
