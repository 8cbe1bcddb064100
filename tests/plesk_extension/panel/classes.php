<?php

// Stands in for the classes of the panel that the extension uses, as small as they can be. What there is in this panel stands in a file of JSON that the
// tests write (PANEL_WORLD): settings, sessions, clients, domains, event handlers.

declare(strict_types=1);

error_reporting(E_ALL);
set_error_handler(static function (int $level, string $text, string $file, int $line): bool {
    // What is silenced with @ is silent; everything else is a fault of the extension's.
    if ((error_reporting() & $level) === 0) {
        return false;
    }
    throw new ErrorException($text, 0, $level, $file, $line);
});

class pm_Exception extends Exception
{
}

/** What there is in this panel. */
final class World
{
    public static function get(string ...$keys)
    {
        $value = json_decode(file_get_contents(getenv('PANEL_WORLD')), true);
        foreach ($keys as $key) {
            $value = $value[$key] ?? null;
        }
        return $value;
    }

    public static function set(string $key, $value): void
    {
        $world = self::get();
        $world[$key] = $value;
        file_put_contents(getenv('PANEL_WORLD'), json_encode($world));
    }

    public static function session(): ?array
    {
        $cookie = $_COOKIE['PLESKSESSID'] ?? getenv('PANEL_SESSION');
        return is_string($cookie) ? self::get('sessions', $cookie) : null;
    }
}

class pm_Context
{
    private static $module;

    public static function init($module)
    {
        if ($module !== 'panelgate') {
            throw new pm_Exception('no such module');
        }
        self::$module = $module;
    }

    public static function getPlibDir()
    {
        return getenv('PANEL_ROOT') . '/admin/plib/modules/panelgate/';
    }

    public static function getBaseUrl()
    {
        return '/modules/panelgate/';
    }

    public static function getActionUrl($controller, $action = 'index')
    {
        return "/modules/panelgate/index.php/$controller/$action";
    }
}

class pm_Config
{
    public static function get($name, $default = null)
    {
        return World::get('settings', $name) ?? $default;
    }
}

class pm_Locale
{
    public static function getCode()
    {
        return World::session()['locale'] ?? 'en-US';
    }
}

class pm_Log
{
    public static function warn($message)
    {
        fwrite(fopen('php://stderr', 'w'), "panel.log: WARN $message\n");
    }

    public static function debug($message)
    {
        fwrite(fopen('php://stderr', 'w'), "panel.log: DEBUG $message\n");
    }
}

class pm_Session
{
    public static function isExist()
    {
        return World::session() !== null;
    }

    public static function getClient()
    {
        return pm_Client::getByClientId(World::session()['client']);
    }

    public static function isImpersonated()
    {
        return World::session()['impersonated'] ?? false;
    }

    public static function getCurrentDomains($mainOnly = false)
    {
        throw new pm_Exception('this view has no current domains');
    }
}

class pm_Client
{
    private $id;
    private $facts;

    public static function getByClientId($id)
    {
        $client = new self();
        $client->id = $id;
        $client->facts = World::get('clients', (string)$id);
        if ($client->facts === null) {
            throw new pm_Exception("Client with id $id not found");
        }
        return $client;
    }

    public function isAdmin()
    {
        return $this->facts['admin'] ?? false;
    }

    public function getId()
    {
        return $this->id;
    }

    public function getLogin()
    {
        return $this->facts['login'];
    }

    public function hasAccessToDomain($id)
    {
        return $this->isAdmin() || in_array($id, $this->facts['domains'], true);
    }

    public function domains(): array
    {
        return $this->facts['domains'];
    }
}

class pm_Domain
{
    private $id;
    private $facts;

    public static function getByDomainId($id)
    {
        $domain = new self();
        $domain->id = $id;
        $domain->facts = World::get('domains', (string)$id);
        if ($domain->facts === null) {
            throw new pm_Exception("Domain with id $id not found");
        }
        return $domain;
    }

    public static function getByName($name)
    {
        foreach (World::get('domains') as $id => $facts) {
            if (($facts['display'] ?? $facts['name']) === $name) {
                return self::getByDomainId((int)$id);
            }
        }
        throw new pm_Exception("Domain $name not found");
    }

    public static function getDomainsByClient($client, $mainOnly = false)
    {
        $domains = array_map([self::class, 'getByDomainId'], $client->domains());
        return array_values(array_filter($domains, static function ($domain) use ($mainOnly) {
            return !$mainOnly || !isset($domain->facts['main']);
        }));
    }

    public function getId()
    {
        // A row of the database: whether numbers come as text differs from version to version.
        return (string)$this->id;
    }

    public function getName()
    {
        return $this->facts['name'];
    }

    public function getDisplayName()
    {
        return $this->facts['display'] ?? $this->facts['name'];
    }

    public function hasHosting()
    {
        return $this->facts['hosting'] ?? true;
    }

    public function getSysUserLogin()
    {
        return $this->facts['login'] ?? '';
    }

    public function getProperty($name)
    {
        return $name === 'webspace_id' ? (string)($this->facts['main'] ?? 0) : '';
    }
}

class pm_ApiCli
{
    const RESULT_FULL = 1;

    /** `plesk bin event_handler`, as the reference says it. */
    public static function call($command, $args = [], $result = 5)
    {
        $handlers = World::get('handlers') ?? [];
        $answer = ['code' => 0, 'stdout' => '', 'stderr' => ''];
        if ($command !== 'event_handler' || $result !== self::RESULT_FULL) {
            throw new pm_Exception("unexpected: $command");
        }
        if ($args === ['--list']) {
            foreach ($handlers as $id => $handler) {
                $answer['stdout'] .= sprintf("   %-17s%s\n   %-17s%s\n   %-17s%s\n   %-17s%s\n   %-17s%s\n\n", 'Id', $id, 'Name', $handler['name'],
                    'Priority', $handler['priority'], 'User', $handler['user'], 'Command', $handler['command']);
            }
        } elseif ($args === ['--list-events']) {
            $answer['stdout'] = implode("\n", World::get('events')) . "\n";
        } elseif ($args[0] === '--delete' && count($args) === 2 && isset($handlers[$args[1]])) {
            unset($handlers[$args[1]]);
            World::set('handlers', $handlers);
        } elseif ($args[0] === '--create' && array_slice($args, 1, 8, false)[0] === '-command') {
            [, , $line, , $priority, , $user, , $event] = $args;
            if (!in_array($event, World::get('events'), true) || World::get('root_locked')) {
                return ['code' => 1, 'stdout' => '', 'stderr' => 'Unable to create the event handler'];
            }
            $id = 1 + (int)max(array_keys($handlers) ?: [0]);
            $handlers[$id] = ['name' => "Ereignis $event", 'priority' => $priority, 'user' => $user, 'command' => $line];
            World::set('handlers', $handlers);
        } else {
            $answer = ['code' => 1, 'stdout' => '', 'stderr' => 'usage'];
        }
        return $answer;
    }
}

abstract class pm_Hook_ConfigDefaults
{
    abstract public function getDefaults();
}

abstract class pm_Hook_CustomButtons
{
    const PLACE_CUSTOMER_HOME = 4;
    const PLACE_ADMIN_TOOLS_AND_SETTINGS = 5;
    const PLACE_HOSTING_PANEL_NAVIGATION = 7;
    const PLACE_DOMAIN_PROPERTIES = 9;
    const PLACE_DOMAIN_PROPERTIES_DYNAMIC = 16;

    abstract public function getButtons();
}

/** One of the panel's forms, as far as its token goes. */
class pm_Form_Simple
{
    public static function token(): string
    {
        return substr(hash('sha256', 'panel token ' . ($_COOKIE['PLESKSESSID'] ?? '')), 0, 32);
    }

    public function getElement($name)
    {
        if ($name !== 'forgery_protection_token' || World::get('hides_token')) {
            return null;
        }
        return new class {
            public function getValue()
            {
                return pm_Form_Simple::token();
            }
        };
    }
}

spl_autoload_register(static function (string $class): void {
    if (preg_match('/^Modules_Panelgate_(\w+)$/', $class, $name) !== 1) {
        return;
    }
    foreach (['library', 'hooks'] as $folder) {
        $file = pm_Context::getPlibDir() . "$folder/$name[1].php";
        if (is_file($file)) {
            require $file;
            return;
        }
    }
});
