<?php
// The entry point of every page: the panel's own front controller, which has checked the login before anything of this
// extension runs.

pm_Context::init('panelgate');
$application = new pm_Application();
$application->run();
