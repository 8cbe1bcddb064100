<?php

declare(strict_types=1);

/**
 * The list of a visitor's websites, over all their subscriptions.
 */
final class Modules_Panelgate_Chooser
{
    /** Subscriptions that are asked about; websites of others are opened by their names. */
    public const SUBSCRIPTIONS = 20;
    /** Rows that a page shows. */
    public const ROWS = 500;
    private const KINDS = ['main', 'addon', 'sub', 'alias'];

    /** @var array<int, array<string, mixed>> */
    public $rows = [];
    /** @var string[] the accounts that were asked about */
    public $accounts = [];
    /** @var string|null the plan, where there is one account */
    public $plan;
    /** @var int how many websites there are */
    public $total = 0;

    /** @throws Modules_Panelgate_Failure if nothing can be shown at all */
    public static function of(
        Modules_Panelgate_Visitor $visitor,
        Modules_Panelgate_Broker $broker,
        string $reference
    ): self {
        $chooser = new self();
        $known = [];
        foreach ($visitor->domains(false) as $domain) {
            $known[strtolower((string)$domain->getName())] = $domain;
        }
        $failures = [];
        foreach ($visitor->domains(true) as $main) {
            if (count($chooser->accounts) >= self::SUBSCRIPTIONS) {
                $chooser->total = count($known);
                break;
            }
            try {
                $chooser->add($main, $known, $visitor->binding(), $broker, $reference);
            } catch (Modules_Panelgate_Failure $failure) {
                $failures[] = $failure;
            }
        }
        // One subscription in trouble does not hide the others.
        if ($chooser->rows === [] && $failures !== []) {
            throw $failures[0];
        }
        foreach ($failures as $failure) {
            pm_Log::warn("panelgate $reference: {$failure->kind()}: {$failure->getMessage()}");
        }
        usort($chooser->rows, static function (array $a, array $b): int {
            return [$a['kind'] !== 'main', $a['shown']] <=> [$b['kind'] !== 'main', $b['shown']];
        });
        $chooser->total = max($chooser->total, count($chooser->rows));
        $chooser->rows = array_slice($chooser->rows, 0, self::ROWS);
        $chooser->plan = count($chooser->accounts) === 1 ? $chooser->plan : null;
        return $chooser;
    }

    /** The one website that can be opened, if there is exactly one. */
    public function onlyOne(): ?array
    {
        $open = array_values(array_filter($this->rows, static function (array $row): bool {
            return $row['refused'] === null;
        }));
        return count($open) === 1 ? $open[0] : null;
    }

    /** @param array<string, pm_Domain> $known the panel's domains by their names in ASCII */
    private function add(
        pm_Domain $main,
        array $known,
        string $binding,
        Modules_Panelgate_Broker $broker,
        string $reference
    ): void {
        $account = Modules_Panelgate_Visitor::account($main);
        if (in_array($account, $this->accounts, true)) {
            return;
        }
        $overview = $broker->overview(['account' => $account, 'session' => $binding], $reference);
        $this->accounts[] = $account;
        $this->plan = is_string($overview['plan'] ?? null) && trim($overview['plan']) !== '' ? $overview['plan'] : null;
        $aliases = [];
        $names = array_column($overview['sites'], 'domain');
        foreach ($overview['sites'] as $site) {
            $fits = is_array($site) && in_array($site['kind'] ?? null, self::KINDS, true);
            if (!$fits || !is_string($site['domain'] ?? null)) {
                throw new Modules_Panelgate_Failure('unavailable', 'the broker\'s answer is malformed');
            }
            $of = $site['alias_of'] ?? null;
            if ($site['kind'] === 'alias' && in_array($of, $names, true)) {
                $aliases[$of][] = $site['domain'];
                continue;
            }
            $this->rows[] = self::row($site, $known[$site['domain']] ?? null, $account, (string)$main->getId());
        }
        foreach ($this->rows as &$row) {
            $row['aliases'] = $row['account'] === $account ? $aliases[$row['site']] ?? [] : $row['aliases'];
        }
    }

    /**
     * @param array<string, mixed> $site
     * @return array<string, mixed>
     */
    private static function row(array $site, ?pm_Domain $domain, string $account, string $main): array
    {
        $shown = $domain === null ? $site['domain'] : (string)$domain->getDisplayName();
        $shown = $shown === '' ? $site['domain'] : $shown;
        $refused = $site['refused'] ?? null;
        $refused = is_string($refused) ? (new Modules_Panelgate_Failure($refused, ''))->kind() : null;
        preg_match('/^./u', $shown, $first);
        $initial = $first[0] ?? '';
        return [
            'account' => $account,
            // The number by which the panel is asked again whether this is theirs.
            'id' => $domain === null ? $main : (string)$domain->getId(),
            'site' => $site['domain'],
            'shown' => $shown,
            'initial' => function_exists('mb_strtoupper') ? mb_strtoupper($initial, 'UTF-8') : strtoupper($initial),
            'kind' => $site['kind'],
            'refused' => $refused,
            'target' => is_string($site['alias_of'] ?? null) ? $site['alias_of'] : null,
            'notices' => array_values(array_filter((array)($site['notices'] ?? []), 'is_string')),
            'token' => $refused === null && is_string($site['token'] ?? null) ? $site['token'] : null,
            'aliases' => [],
        ];
    }
}
