#!/bin/sh
hook=/usr/share/panelgate/panel-hooks/directadmin/panelgate-hook
[ -x "$hook" ] || exit 0
exec "$hook" user_suspend_post
