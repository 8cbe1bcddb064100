<?php

/** The defaults of what an administrator may write into panel.ini, section [ext-panelgate]. */
class Modules_Panelgate_ConfigDefaults extends pm_Hook_ConfigDefaults
{
    public function getDefaults()
    {
        return Modules_Panelgate_Settings::DEFAULTS;
    }
}
