<?php

declare(strict_types=1);

/**
 * Who looks at the page, and what of the panel is theirs. Everything that a request names is checked here before
 * anything else happens with it.
 */
final class Modules_Panelgate_Visitor
{
    /** @var pm_Client */
    private $client;

    private function __construct(pm_Client $client)
    {
        $this->client = $client;
    }

    /** @throws Modules_Panelgate_Failure "forbidden" if nobody is signed in */
    public static function ofSession(): self
    {
        $client = pm_Session::isExist() ? pm_Session::getClient() : null;
        if (!$client instanceof pm_Client) {
            throw new Modules_Panelgate_Failure('forbidden', 'nobody is signed in to the panel');
        }
        return new self($client);
    }

    /** Whether it is the server's administrator, as themselves. */
    public function isAdmin(): bool
    {
        return $this->client->isAdmin() === true && pm_Session::isImpersonated() !== true;
    }

    /**
     * The domain of that number, if it is theirs. A foreign one and one that is not there are the same to them.
     *
     * @param mixed $id as the request has it
     * @throws Modules_Panelgate_Failure "site-not-found"
     */
    public function domain($id): pm_Domain
    {
        if (!is_string($id) || preg_match('/^[1-9][0-9]{0,9}$/D', $id) !== 1) {
            throw new Modules_Panelgate_Failure('bad-request', 'the request names no domain by its number');
        }
        if ($this->client->hasAccessToDomain((int)$id) !== true) {
            throw new Modules_Panelgate_Failure('site-not-found', "domain $id is not one of {$this->name()}");
        }
        try {
            return pm_Domain::getByDomainId((int)$id);
        } catch (pm_Exception $error) {
            throw new Modules_Panelgate_Failure('site-not-found', "there is no domain $id", $error);
        }
    }

    /**
     * The domain of that name, as people write it, if it is theirs.
     *
     * @param mixed $name as the request has it
     * @throws Modules_Panelgate_Failure "site-not-found"
     */
    public function named($name): pm_Domain
    {
        if (!is_string($name) || strlen($name) > 1000 || preg_match('/^[^\x00-\x20\x7f]+$/D', trim($name)) !== 1) {
            throw new Modules_Panelgate_Failure('bad-request', 'the request names no domain');
        }
        try {
            $domain = pm_Domain::getByName(trim($name));
        } catch (pm_Exception $error) {
            throw new Modules_Panelgate_Failure('site-not-found', 'there is no domain of that name', $error);
        }
        return $this->domain((string)$domain->getId());
    }

    /**
     * Refuses a name that the panel knows as a domain of somebody else. What the panel does not know by that name (an
     * alias) is left to the broker, which only opens what belongs to the account.
     *
     * @throws Modules_Panelgate_Failure "site-not-found"
     */
    public function mayName(string $site): void
    {
        try {
            $domain = pm_Domain::getByName($site);
        } catch (pm_Exception $error) {
            return;
        }
        if ($this->client->hasAccessToDomain((int)$domain->getId()) !== true) {
            throw new Modules_Panelgate_Failure('site-not-found', "$site is not one of {$this->name()}");
        }
    }

    /**
     * The domains that they see in the panel at this moment.
     *
     * @return pm_Domain[]
     */
    public function domains(bool $mainOnly): array
    {
        $domains = [];
        try {
            $domains = pm_Session::getCurrentDomains($mainOnly);
        } catch (pm_Exception $error) {
            // A view of the panel that has no current domains: their own are meant then.
        }
        if (!is_array($domains) || $domains === []) {
            $domains = pm_Domain::getDomainsByClient($this->client, $mainOnly);
        }
        $mine = [];
        foreach ($domains as $domain) {
            if ($this->client->hasAccessToDomain((int)$domain->getId()) === true) {
                $mine[] = $domain;
            }
        }
        return $mine;
    }

    /**
     * The account that a domain belongs to: the system user of its subscription.
     *
     * @throws Modules_Panelgate_Failure "site-without-hosting", or "panel-data" if the panel names nobody
     */
    public static function account(pm_Domain $domain): string
    {
        if ($domain->hasHosting() !== true) {
            throw new Modules_Panelgate_Failure('site-without-hosting', "{$domain->getName()} has no web hosting");
        }
        $login = self::login($domain);
        if ($login === '') {
            // An additional domain has its system user from the subscription's main domain.
            $main = (int)$domain->getProperty('webspace_id');
            $login = $main > 0 ? self::login(pm_Domain::getByDomainId($main)) : '';
        }
        if ($login === '') {
            throw new Modules_Panelgate_Failure('panel-data', "the panel names no system user of {$domain->getName()}");
        }
        return $login;
    }

    /**
     * What forms are bound to: SHA-256 over the panel's session, which a foreign page cannot know.
     *
     * @throws Modules_Panelgate_Failure "internal" if the panel has no session that PHP can see
     */
    public function binding(): string
    {
        $parts = [(string)session_id()];
        foreach (['PLESKSESSID', 'PHPSESSID'] as $name) {
            $parts[] = is_string($_COOKIE[$name] ?? null) ? $_COOKIE[$name] : '';
        }
        if (implode('', $parts) === '') {
            throw new Modules_Panelgate_Failure('internal', 'the panel has no session that forms could be bound to');
        }
        $parts[] = (string)$this->client->getId();
        return hash('sha256', implode("\0", $parts));
    }

    /** What the audit notes beside what the kernel says. */
    public function claimed(): string
    {
        $from = filter_var($_SERVER['REMOTE_ADDR'] ?? '', FILTER_VALIDATE_IP);
        $parts = $from === false ? [] : ["from $from"];
        $parts[] = 'as ' . $this->name();
        if (pm_Session::isImpersonated() === true) {
            $parts[] = 'impersonated';
        }
        return implode(', ', $parts);
    }

    /** Their name in the panel, for the log. */
    private function name(): string
    {
        return 'panel user ' . preg_replace('/[^\x21-\x7e]/', '?', (string)$this->client->getLogin());
    }

    private static function login(pm_Domain $domain): string
    {
        try {
            return (string)$domain->getSysUserLogin();
        } catch (pm_Exception $error) {
            return '';
        }
    }
}
