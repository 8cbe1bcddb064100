#!/bin/sh
# Run by root after an update was unpacked over the plugin.
exec "$(dirname "$0")/install.sh"
