<?php

declare(strict_types=1);

/**
 * The events of the panel that Panelgate wants to know of, and the event handlers that tell it as root.
 *
 * The listener (EventListener.php) and the handlers say the same things: the first knows the account and may ask for
 * nothing but a fresh look at it, the second know old and new names. An event that arrives twice has one effect.
 */
final class Modules_Panelgate_Events
{
    public const DOMAIN = 'domain';
    public const CLIENT = 'client';
    /** Something that one account cannot be named for: the handlers tell it, the listener does not. */
    public const OTHER = 'other';

    /** The names, as `plesk bin event_handler` and the listener have them, with whose number an event has. */
    public const ALL = [
        'domain_create' => self::DOMAIN,
        'domain_update' => self::DOMAIN,
        'domain_delete' => self::DOMAIN,
        'domain_status_update' => self::DOMAIN,
        'domain_owner_change' => self::DOMAIN,
        'site_create' => self::DOMAIN,
        'site_update' => self::DOMAIN,
        'site_delete' => self::DOMAIN,
        'site_status_update' => self::DOMAIN,
        'subdomain_create' => self::DOMAIN,
        'subdomain_update' => self::DOMAIN,
        'subdomain_delete' => self::DOMAIN,
        'site_subdomain_create' => self::DOMAIN,
        'site_subdomain_update' => self::DOMAIN,
        'site_subdomain_delete' => self::DOMAIN,
        'domain_alias_create' => self::DOMAIN,
        'domain_alias_update' => self::DOMAIN,
        'domain_alias_delete' => self::DOMAIN,
        'site_alias_create' => self::DOMAIN,
        'site_alias_update' => self::DOMAIN,
        'site_alias_delete' => self::DOMAIN,
        'phys_hosting_create' => self::DOMAIN,
        'phys_hosting_update' => self::DOMAIN,
        'phys_hosting_delete' => self::DOMAIN,
        'forwarding_create' => self::DOMAIN,
        'forwarding_update' => self::DOMAIN,
        'forwarding_delete' => self::DOMAIN,
        'domain_guid_update' => self::DOMAIN,
        'client_status_update' => self::CLIENT,
        'client_delete' => self::OTHER,
        'client_guid_update' => self::OTHER,
        'reseller_status_update' => self::OTHER,
        'reseller_delete' => self::OTHER,
        'template_domain_update' => self::OTHER,
        'template_domain_delete' => self::OTHER,
    ];

    /** Higher runs first; the middle is polite. */
    private const PRIORITY = '50';

    /**
     * A value of an event. The panel writes names as "Domain Name" or "domain_name".
     *
     * @param array<string, mixed> $values
     */
    public static function value(array $values, string $name): ?string
    {
        foreach ($values as $key => $value) {
            if (str_replace(' ', '_', strtolower((string)$key)) === $name && is_string($value) && $value !== '') {
                return $value;
            }
        }
        return null;
    }

    /**
     * Makes the panel's event handlers those that are wanted: adds what lacks, removes what is ours and too many. Does
     * nothing twice.
     *
     * @return string[] what was done, and what could not be, for people
     */
    public static function register(): array
    {
        $command = Modules_Panelgate_Settings::path('eventCommand');
        if (!Modules_Panelgate_Settings::isOn('eventHandlers')) {
            return self::unregister();
        }
        if (!is_executable($command)) {
            return ["Event handlers are left out: $command is not there. Install the package panelgate, then run: "
                . 'plesk bin extension --exec panelgate register.php'];
        }
        $wanted = self::offered();
        $said = [];
        foreach (self::registered($command) as $id => $event) {
            if (in_array($event, $wanted, true)) {
                $wanted = array_diff($wanted, [$event]);
            } else {
                $said = array_merge($said, self::run(['--delete', (string)$id], "handler $id is removed"));
            }
        }
        foreach ($wanted as $event) {
            $what = ['-command', "$command $event", '-priority', self::PRIORITY, '-user', 'root', '-event', $event];
            $done = "handler for $event is registered";
            $said = array_merge($said, self::run(array_merge(['--create'], $what), $done));
        }
        return $said;
    }

    /**
     * Removes the event handlers that are ours, and no other.
     *
     * @return string[] as {@see register()}
     */
    public static function unregister(): array
    {
        $said = [];
        foreach (self::registered(Modules_Panelgate_Settings::path('eventCommand')) as $id => $event) {
            $said = array_merge($said, self::run(['--delete', (string)$id], "handler $id for $event is removed"));
        }
        return $said;
    }

    /**
     * The event handlers that run our command.
     *
     * @return array<int, string> the events by the handlers' numbers; a second handler for an event has an empty one
     */
    public static function registered(string $command): array
    {
        $answer = pm_ApiCli::call('event_handler', ['--list'], pm_ApiCli::RESULT_FULL);
        if (!is_array($answer) || ($answer['code'] ?? 1) !== 0) {
            throw new Modules_Panelgate_Failure('panel-data', 'plesk bin event_handler --list failed');
        }
        $found = [];
        foreach (preg_split('/\R\s*\R/', (string)$answer['stdout']) as $block) {
            $ours = '/^\s*Command\s+' . preg_quote($command, '/') . '(?:[ \t]+(\S+))?\s*$/m';
            if (preg_match('/^\s*Id\s+([0-9]+)\s*$/m', $block, $id) === 1 && preg_match($ours, $block, $line) === 1) {
                $event = $line[1] ?? '';
                $found[(int)$id[1]] = in_array($event, $found, true) ? '' : $event;
            }
        }
        return $found;
    }

    /**
     * Those of our events that this panel has. One that cannot say what it has is offered all.
     *
     * @return string[]
     */
    private static function offered(): array
    {
        $answer = pm_ApiCli::call('event_handler', ['--list-events'], pm_ApiCli::RESULT_FULL);
        $words = preg_split('/[^a-z0-9_]+/', is_array($answer) ? (string)($answer['stdout'] ?? '') : '');
        $offered = array_values(array_intersect(array_keys(self::ALL), $words));
        return $offered !== [] ? $offered : array_keys(self::ALL);
    }

    /**
     * @param string[] $arguments
     * @return string[]
     */
    private static function run(array $arguments, string $done): array
    {
        $answer = pm_ApiCli::call('event_handler', $arguments, pm_ApiCli::RESULT_FULL);
        $code = is_array($answer) ? $answer['code'] ?? 1 : 1;
        if ($code === 0) {
            return ["Event $done."];
        }
        $said = is_array($answer) ? ($answer['stderr'] ?? '') . ' ' . ($answer['stdout'] ?? '') : '';
        return ["Not done: event $done. Plesk says: " . substr(trim($said), 0, 300)];
    }
}
