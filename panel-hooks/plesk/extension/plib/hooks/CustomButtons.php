<?php

/**
 * Where the panel shows the button: at each domain, beside the customer's lists, and among the administrator's tools.
 */
class Modules_Panelgate_CustomButtons extends pm_Hook_CustomButtons
{
    public function getButtons()
    {
        $words = Modules_Panelgate_Words::ofVisitor();
        $button = [
            'title' => $words->text('page.title'),
            'icon' => rtrim((string)pm_Context::getBaseUrl(), '/') . '/images/panelgate.svg',
        ];
        $buttons = [
            $button + $this->placeAtDomain() + [
                'description' => $words->text('button.description'),
                'link' => pm_Context::getActionUrl('index', 'index'),
                'contextParams' => true,
                'newWindow' => Modules_Panelgate_Settings::isOn('newWindow'),
                'visibility' => [$this, 'isShownAt'],
            ],
            $button + [
                'place' => self::PLACE_ADMIN_TOOLS_AND_SETTINGS,
                'description' => $words->text('admin.lead'),
                'link' => pm_Context::getActionUrl('admin', 'index'),
            ],
        ];
        foreach ([self::PLACE_CUSTOMER_HOME, self::PLACE_HOSTING_PANEL_NAVIGATION] as $place) {
            $buttons[] = $button + [
                'place' => $place,
                'description' => $words->text('chooser.intro'),
                'link' => pm_Context::getActionUrl('index', 'list'),
                'newWindow' => Modules_Panelgate_Settings::isOn('newWindow'),
            ];
        }
        return $buttons;
    }

    /**
     * Whether the button is shown: at a domain, not at an alias of one.
     *
     * @param mixed $context what the panel says about the place
     */
    public function isShownAt($context)
    {
        $named = isset($context['site_id']) || isset($context['dom_id']);
        return is_array($context) && $named && !isset($context['alias_id']);
    }

    /** A panel that does not know a place yet must not be asked for it by name. */
    private function placeAtDomain(): array
    {
        $name = 'pm_Hook_CustomButtons::PLACE_DOMAIN_PROPERTIES_DYNAMIC';
        if (defined($name)) {
            return ['place' => constant($name), 'section' => 'devTools'];
        }
        return ['place' => self::PLACE_DOMAIN_PROPERTIES];
    }
}
