<?php

declare(strict_types=1);

/**
 * The texts, in the language of the panel's user. The files below plib/resources/locales are generated from Panelgate's
 * own catalogues.
 */
final class Modules_Panelgate_Words
{
    /** @var string */
    private $language;
    /** @var array<string, string> */
    private $texts;

    /** @param string $locale as the panel writes it: "de-DE" */
    public function __construct(string $locale)
    {
        $code = strtolower((string)strtok($locale, '-_.@'));
        $this->language = isset(Modules_Panelgate_Kinds::LANGUAGES[$code]) ? $code : 'en';
        $this->texts = self::load(Modules_Panelgate_Kinds::LANGUAGES[$this->language][0]);
    }

    /** For whoever looks at this page. */
    public static function ofVisitor(): self
    {
        return new self((string)pm_Locale::getCode());
    }

    /** The code of the language, for the attribute lang. */
    public function language(): string
    {
        return $this->language;
    }

    /** The direction of its script, for the attribute dir. */
    public function direction(): string
    {
        return Modules_Panelgate_Kinds::LANGUAGES[$this->language][1];
    }

    /**
     * A text; a text that is missing is empty.
     *
     * @param array<string, string> $values what the places {name} in it become
     */
    public function text(string $key, array $values = []): string
    {
        $places = [];
        foreach ($values as $name => $value) {
            $places['{' . $name . '}'] = $value;
        }
        return strtr($this->texts[$key] ?? '', $places);
    }

    /** @return array<string, string> */
    private static function load(string $file): array
    {
        $messages = [];
        // The file sets $messages.
        require dirname(__DIR__) . '/resources/locales/' . $file . '.php';
        return $messages;
    }
}
