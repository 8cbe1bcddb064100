<?php

declare(strict_types=1);

/**
 * What the administrator's page shows: the broker's own count, and what can be seen from here. It changes nothing.
 */
final class Modules_Panelgate_Health
{
    /** @var array<string, mixed>|null what the broker counts; null if it gave no answer */
    public $status;
    /** @var array<int, array{check: string, good: bool, detail: string}> */
    public $checks = [];

    public static function look(string $reference): self
    {
        $health = new self();
        $health->status = $health->check('service', static function () use ($reference): array {
            $status = Modules_Panelgate_Settings::broker()->ask('status', [], $reference);
            return [is_array($status), is_array($status) ? $status : null, ''];
        });
        $status = $health->status ?? [];
        if ($health->status !== null) {
            $health->check('version', static function () use ($status): array {
                $ours = self::version();
                $theirs = is_string($status['version'] ?? null) ? $status['version'] : '?';
                return [$ours === $theirs, null, $ours === $theirs ? $ours : "$theirs / $ours"];
            });
            $health->check('jobs', static function () use ($status): array {
                $jobs = is_array($status['jobs'] ?? null) ? $status['jobs'] : [];
                return [($jobs['run'] ?? false) === true && ($jobs['failed'] ?? 0) === 0, null, ''];
            });
        }
        $health->check('events', static function (): array {
            $command = Modules_Panelgate_Settings::path('eventCommand');
            $count = count(array_filter(Modules_Panelgate_Events::registered($command)));
            return [$count > 0 || !Modules_Panelgate_Settings::isOn('eventHandlers'), null, (string)$count];
        });
        return $health;
    }

    /**
     * What `panelgate doctor` finds, which the broker may have to find out first.
     *
     * @return array<int, array{name: string, state: string, text: string, advice: string}>
     * @throws Modules_Panelgate_Failure what the broker says
     */
    public static function examine(string $reference): array
    {
        $report = Modules_Panelgate_Settings::broker()->ask('doctor', [], $reference);
        $found = [];
        foreach (is_array($report) && is_array($report['checks'] ?? null) ? $report['checks'] : [] as $check) {
            $line = [];
            foreach (['name', 'state', 'text', 'advice'] as $part) {
                $line[$part] = is_array($check) && is_string($check[$part] ?? null) ? $check[$part] : '';
            }
            $found[] = $line;
        }
        return $found;
    }

    /** The version of this extension, which is the one of the package that it came with. */
    public static function version(): string
    {
        $meta = @file_get_contents(rtrim((string)pm_Context::getPlibDir(), '/') . '/meta.xml');
        return preg_match('~<version>([0-9A-Za-z.+-]{1,40})</version>~', (string)$meta, $found) === 1 ? $found[1] : '?';
    }

    /**
     * @param callable $look gives whether it is good, a value, and a detail
     * @return mixed the value
     */
    private function check(string $name, callable $look)
    {
        try {
            [$good, $value, $detail] = $look();
        } catch (Throwable $error) {
            [$good, $value, $detail] = [false, null, $error->getMessage()];
        }
        $this->checks[] = ['check' => $name, 'good' => $good, 'detail' => $detail];
        return $value;
    }
}
