<?php

declare(strict_types=1);

/**
 * Text for a page.
 */
final class Modules_Panelgate_Html
{
    /** A text as it may stand between tags and in an attribute with double quotes. */
    public static function text(string $text): string
    {
        return htmlspecialchars($text, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8');
    }

    /** The address of a file below htdocs. */
    public static function file(string $name): string
    {
        return self::text(rtrim((string)pm_Context::getBaseUrl(), '/') . '/' . $name);
    }
}
