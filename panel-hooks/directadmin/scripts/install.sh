#!/bin/sh
# Run by root after the plugin was unpacked, and after every update: sets every owner and mode, since neither is promised by whoever unpacks it.
#
# What it prints is shown to the administrator as HTML. It can be run again at any time.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
umask 022

plugin=$(cd "$(dirname "$0")/.." && pwd -P) || exit 1
if [ ! -f "$plugin/plugin.conf" ] || [ "${plugin##*/}" != panelgate ]; then
    echo 'The plugin must lie in a folder of its name: give the archive to DirectAdmin as panelgate.tar.gz.<br>'
    exit 1
fi
# Hooks run as root: nobody else may write what they are, nor the folders on the way to it.
chown -R root:root "$plugin"
find "$plugin" -type d -exec chmod 755 {} +
find "$plugin" -type f -exec chmod 644 {} +
chmod 755 "$plugin"/user/* "$plugin"/scripts/*.sh "$plugin"/hooks/*.sh
sed -i 's/^installed=.*/installed=yes/' "$plugin/plugin.conf"

# The switch in packages, and for how many sites. A package that was never saved since has neither: what holds then is missing_item in the configuration,
# and no limit.
items=${plugin%/plugins/panelgate}/data/admin/custom_package_items.conf
if [ -d "${items%/*}" ] && [ ! -L "$items" ]; then
    if [ ! -e "$items" ]; then
        (umask 027 && : >"$items")
        chown diradmin:diradmin "$items" 2>/dev/null
    elif [ -n "$(tail -c 1 "$items")" ]; then
        echo >>"$items"
    fi
    grep -q '^panelgate=' "$items" ||
        echo 'panelgate=type=checkbox&string=Website Builder&desc=Accounts may edit their websites with the builder&checked=yes' >>"$items"
    grep -q '^panelgate_sites=' "$items" ||
        echo 'panelgate_sites=type=text&string=Websites with the builder&desc=A number, or unlimited&default=unlimited' >>"$items"
fi

if [ -x /usr/bin/panelgate ]; then
    echo 'The Website Builder is installed.<br>'
else
    echo 'The plugin is installed, but the package panelgate is not: install it and run <b>panelgate setup</b>.<br>'
fi
