<?php

// Registers what is missing: plesk bin extension --exec panelgate register.php Whatever happens here, the extension
// stays: what could not be done is said, and `panelgate reconcile` does without events.

pm_Context::init('panelgate');

try {
    (new Modules_Panelgate_Broker(Modules_Panelgate_Settings::path('socket')))->checkPlace();
} catch (Modules_Panelgate_Failure $failure) {
    echo "Panelgate does not run on this server yet: install the package panelgate and run \"panelgate setup\".\n";
}
try {
    foreach (Modules_Panelgate_Events::register() as $line) {
        echo $line, "\n";
    }
} catch (Throwable $error) {
    echo 'The event handlers could not be registered: ', $error->getMessage(), "\n";
}
exit(0);
