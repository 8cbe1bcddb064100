<?php

declare(strict_types=1);

/**
 * The panel's own token against forged forms. The panel checks it before any controller runs; a form of ours carries it
 * so that it gets that far.
 *
 * How an extension gets at the token is not documented, so that both ways are taken: from a form of the panel's own
 * here, and from the panel's page by htdocs/js/panelgate.js. What decides in our code is the broker's token, which is
 * bound to session, operation and website.
 */
final class Modules_Panelgate_FormToken
{
    public const NAME = 'forgery_protection_token';

    /** The token, or an empty text where the panel's forms do not show it. */
    public static function current(): string
    {
        try {
            $element = class_exists('pm_Form_Simple') ? (new pm_Form_Simple())->getElement(self::NAME) : null;
            $value = is_object($element) && method_exists($element, 'getValue') ? $element->getValue() : '';
            return is_string($value) ? $value : '';
        } catch (Throwable $error) {
            return '';
        }
    }

    /**
     * Refuses a form whose token is not the panel's, where the panel shows it.
     *
     * @param mixed $given
     * @throws Modules_Panelgate_Failure "token-rejected"
     */
    public static function check($given): void
    {
        $expected = self::current();
        // A token that is another one each time cannot be compared here; the panel has done so then.
        $comparable = $expected !== '' && $expected === self::current();
        $wanted = $comparable && Modules_Panelgate_Settings::isOn('panelToken');
        if ($wanted && (!is_string($given) || !hash_equals($expected, $given))) {
            throw new Modules_Panelgate_Failure('token-rejected', 'the form lacks the panel\'s token');
        }
    }
}
