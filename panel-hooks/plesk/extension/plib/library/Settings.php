<?php

declare(strict_types=1);

/**
 * The settings that an administrator may write into panel.ini, section [ext-panelgate]. A value that cannot be one
 * counts as the default.
 */
final class Modules_Panelgate_Settings
{
    /** The default of each; the README says what they are. */
    public const DEFAULTS = [
        'socket' => Modules_Panelgate_Broker::SOCKET,
        'timeout' => 60,
        'eventTimeout' => 80,
        'newWindow' => true,
        'realStatus' => true,
        'redirect' => true,
        'panelToken' => true,
        'eventHandlers' => true,
        'eventCommand' => '/usr/share/panelgate/panel-hooks/plesk/panelgate-event',
    ];

    /** The broker, with the time that a page may wait for it. */
    public static function broker(): Modules_Panelgate_Broker
    {
        return new Modules_Panelgate_Broker(self::path('socket'), self::number('timeout', 600));
    }

    /** How long the listener may hold up what the panel does, in seconds. */
    public static function eventSeconds(): float
    {
        return self::number('eventTimeout', 60000) / 1000;
    }

    /** A setting that is on or off. */
    public static function isOn(string $name): bool
    {
        $value = filter_var(self::value($name), FILTER_VALIDATE_BOOLEAN, FILTER_NULL_ON_FAILURE);
        return $value ?? self::DEFAULTS[$name];
    }

    /** A setting that is an absolute path without anything that a shell or a table could take for something else. */
    public static function path(string $name): string
    {
        $value = self::value($name);
        return is_string($value) && preg_match('~^/[A-Za-z0-9._/-]+$~D', $value) === 1 ? $value : self::DEFAULTS[$name];
    }

    /** A setting that is a number from 1 to a bound. */
    private static function number(string $name, int $most): float
    {
        $value = self::value($name);
        return (float)(is_numeric($value) && $value >= 1 && $value <= $most ? $value : self::DEFAULTS[$name]);
    }

    /** @return mixed */
    private static function value(string $name)
    {
        return pm_Config::get($name, self::DEFAULTS[$name]);
    }
}
