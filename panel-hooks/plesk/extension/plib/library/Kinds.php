<?php

// Generated: UPDATE_PLESK=1 cargo test --test plesk_extension generated

/**
 * The kinds of errors (src/error.rs) and the languages (src/web/messages.rs).
 */
final class Modules_Panelgate_Kinds
{
    /** HTTP status, and whether the same request may succeed later, by the name of the kind. */
    public const ALL = [
        'invalid-argument' => [400, false],
        'config' => [500, false],
        'forbidden' => [403, false],
        'unavailable' => [503, true],
        'upgrade' => [503, false],
        'too-many' => [429, true],
        'panel-data' => [500, true],
        'account-not-found' => [403, false],
        'site-not-found' => [404, false],
        'site-not-yours' => [404, false],
        'site-conflict' => [409, false],
        'suspended' => [403, false],
        'demo-account' => [403, false],
        'feature-off' => [403, false],
        'site-alias' => [403, false],
        'site-without-hosting' => [403, false],
        'builder-unreachable' => [502, true],
        'builder-tls' => [502, false],
        'builder-auth' => [502, false],
        'builder-licence' => [502, false],
        'builder-refused' => [502, false],
        'builder-protocol' => [502, true],
        'builder-url' => [502, false],
        'publication' => [500, false],
        'archive' => [403, false],
        'download' => [502, true],
        'publication-busy' => [409, true],
        'publication-interrupted' => [503, true],
        'credentials-rejected' => [401, false],
        'length-required' => [411, false],
        'path-refused' => [403, false],
        'no-space' => [507, true],
        'document-root' => [403, false],
        'nothing-published' => [409, false],
        'token-rejected' => [403, false],
        'bad-request' => [400, false],
        'too-large' => [413, false],
        'method-not-allowed' => [405, false],
        'prefetch' => [403, false],
        'store' => [500, true],
        'backup-unsupported' => [501, false],
        'backup-failed' => [502, false],
        'backup-provider' => [502, true],
        'backup-not-found' => [404, false],
        'backup-unreachable' => [502, true],
        'backup-tls' => [502, false],
        'backup-auth' => [502, false],
        'backup-refused' => [502, false],
        'backup-protocol' => [502, true],
        'internal' => [500, false],
        'panic' => [500, false],
    ];

    /** File of the texts and direction of the script, by the code of the language. */
    public const LANGUAGES = [
        'en' => ['en-US', 'ltr'],
        'de' => ['de-DE', 'ltr'],
        'fr' => ['fr-FR', 'ltr'],
        'es' => ['es-ES', 'ltr'],
        'lt' => ['lt-LT', 'ltr'],
        'ar' => ['ar', 'rtl'],
    ];
}
