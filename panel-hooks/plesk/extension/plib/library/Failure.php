<?php

declare(strict_types=1);

/**
 * What went wrong, by the stable name of its kind (Modules_Panelgate_Kinds). The message is for the administrator's
 * log, never for the page.
 */
final class Modules_Panelgate_Failure extends RuntimeException
{
    /** @var string */
    private $kind;

    public function __construct(string $kind, string $message, ?Throwable $previous = null)
    {
        parent::__construct($message, 0, $previous);
        $this->kind = $kind;
    }

    /** The name of the kind; a kind that this version does not know has become "internal". */
    public function kind(): string
    {
        return isset(Modules_Panelgate_Kinds::ALL[$this->kind]) ? $this->kind : 'internal';
    }

    /** The HTTP status of the page that reports it. */
    public function status(): int
    {
        return Modules_Panelgate_Kinds::ALL[$this->kind()][0];
    }

    /** Whether the same request may succeed later without anybody changing anything. */
    public function isRetryable(): bool
    {
        return Modules_Panelgate_Kinds::ALL[$this->kind()][1];
    }
}
