<?php

// Runs after the extension's files are in their places, with "install" or "upgrade OLDVERSION": the same as what can be
// run again at any time.

require __DIR__ . '/register.php';
