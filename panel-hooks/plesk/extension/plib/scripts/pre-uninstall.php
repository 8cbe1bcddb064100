<?php

// Runs before the extension's files go: takes away what it has registered with the panel. Nothing of it holds up the
// removal.

pm_Context::init('panelgate');

try {
    foreach (Modules_Panelgate_Events::unregister() as $line) {
        echo $line, "\n";
    }
} catch (Throwable $error) {
    echo 'The event handlers could not be removed: ', $error->getMessage(), "\n";
}
exit(0);
