<?php

// Where the panel loads this file without its interface, a class that needs it would end the panel's process.
if (!interface_exists('EventListener')) {
    return null;
}

// The panel may call it while another extension's classes are the ones that are found by their names.
foreach (['Kinds', 'Failure', 'Reference', 'Broker', 'Settings', 'Events', 'Visitor'] as $name) {
    if (!class_exists("Modules_Panelgate_$name")) {
        require_once __DIR__ . "/$name.php";
    }
}

/**
 * Tells the broker which account something has happened to. It runs inside the panel's process, as the panel's user,
 * after the change: it says a name and nothing else, waits a moment at most, and never fails. What is not heard here is
 * found by `panelgate reconcile`, or told by the event handlers.
 */
class Modules_Panelgate_EventListener implements EventListener
{
    /** Accounts that one event is about at most: a customer may have many subscriptions. */
    const ACCOUNTS = 20;

    public function filterActions()
    {
        return array_keys(array_diff(Modules_Panelgate_Events::ALL, [Modules_Panelgate_Events::OTHER]));
    }

    public function handleEvent($objectType, $objectId, $action, $oldValues, $newValues)
    {
        try {
            $end = microtime(true) + Modules_Panelgate_Settings::eventSeconds();
            $reference = Modules_Panelgate_Reference::random();
            $wishes = $this->wishes((string)$action, $objectId, (array)$oldValues, (array)$newValues);
            foreach (array_slice($wishes, 0, self::ACCOUNTS) as $wish) {
                $left = $end - microtime(true);
                if ($left <= 0) {
                    return;
                }
                $broker = new Modules_Panelgate_Broker(Modules_Panelgate_Settings::path('socket'), $left);
                $broker->ask('refresh', $wish, $reference);
            }
        } catch (Throwable $error) {
            // The panel's own work is done and must not look as if it had failed.
            pm_Log::debug('panelgate: an event was not passed on: ' . $error->getMessage());
        }
    }

    /** @return array<int, array<string, string>> whom the panel shall be asked about: accounts, else the site alone */
    private function wishes(string $action, $objectId, array $old, array $new): array
    {
        $accounts = $this->accounts($action, $objectId, $old, $new);
        $wishes = array_map(static function (string $account): array {
            return ['account' => $account];
        }, $accounts);
        $name = Modules_Panelgate_Events::value($old, 'domain_name');
        $name = $name ?? Modules_Panelgate_Events::value($new, 'domain_name');
        // It is gone, and the event does not say whose it was: the broker knows whose it was last.
        return $wishes === [] && $name !== null ? [['site' => $name]] : $wishes;
    }

    /** @return string[] the system users of the subscriptions that the event is about */
    private function accounts(string $action, $objectId, array $old, array $new): array
    {
        $logins = [];
        foreach ([$old, $new] as $values) {
            $login = Modules_Panelgate_Events::value($values, 'system_user');
            $logins[] = $login ?? '';
        }
        foreach ($this->domains($action, $objectId, $new) as $domain) {
            try {
                $logins[] = Modules_Panelgate_Visitor::account($domain);
            } catch (Modules_Panelgate_Failure $failure) {
                // No web hosting: there is no account behind it.
            }
        }
        return array_values(array_unique(array_filter($logins, static function (string $login): bool {
            return preg_match('/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/D', $login) === 1;
        })));
    }

    /** @return pm_Domain[] */
    private function domains(string $action, $objectId, array $new): array
    {
        try {
            if ((Modules_Panelgate_Events::ALL[$action] ?? null) === Modules_Panelgate_Events::CLIENT) {
                $all = pm_Domain::getDomainsByClient(pm_Client::getByClientId((int)$objectId), true);
                return array_slice($all, 0, self::ACCOUNTS);
            }
            $name = Modules_Panelgate_Events::value($new, 'domain_name');
            return [$name !== null ? pm_Domain::getByName($name) : pm_Domain::getByDomainId((int)$objectId)];
        } catch (pm_Exception $error) {
            // It is gone: the values may still say whose it was.
            return [];
        }
    }
}

// Plesk's own extensions do so to get round a fault of the panel's (reference PPP-33009).
pm_Context::init('panelgate');

return new Modules_Panelgate_EventListener();
