<?php

declare(strict_types=1);

/**
 * The number that ties a page to the lines in the logs: the panel's, and the system's under the name "panelgate".
 */
final class Modules_Panelgate_Reference
{
    /** Crockford's base 32: no letters that look alike. */
    private const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

    /** A new number, such as "7K3M-9QXT". */
    public static function random(): string
    {
        $text = '';
        foreach (str_split(random_bytes(8)) as $index => $byte) {
            $text .= ($index === 4 ? '-' : '') . self::ALPHABET[ord($byte) % 32];
        }
        return $text;
    }
}
