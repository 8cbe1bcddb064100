<?php

/**
 * The administrator's page: what the broker counts and what can be seen from here. Nothing is changed on it.
 */
class AdminController extends pm_Controller_Action
{
    protected $_accessLevel = 'admin';

    /** @var string */
    private $reference;

    public function init()
    {
        parent::init();
        $this->reference = Modules_Panelgate_Reference::random();
    }

    /** What is seen at a glance. */
    public function indexAction()
    {
        if (!$this->isAllowed()) {
            return;
        }
        $this->view->health = Modules_Panelgate_Health::look($this->reference);
        $this->view->list = pm_Context::getActionUrl('index', 'list');
        $this->view->examine = pm_Context::getActionUrl('admin', 'doctor');
    }

    /** What `panelgate doctor` finds; it may take a while. */
    public function doctorAction()
    {
        if (!$this->isAllowed()) {
            return;
        }
        try {
            $this->view->found = Modules_Panelgate_Health::examine($this->reference);
        } catch (Modules_Panelgate_Failure $failure) {
            $this->showFailure($failure, pm_Context::getActionUrl('admin', 'doctor'));
        }
    }

    /** Makes ready what both pages have, or shows why there is none; the panel's access level is not relied on. */
    private function isAllowed(): bool
    {
        $this->getResponse()->setHeader('Cache-Control', 'no-store', true);
        $words = Modules_Panelgate_Words::ofVisitor();
        $this->view->words = $words;
        $this->view->pageTitle = $words->text('page.title');
        if (pm_Session::isExist() && pm_Session::getClient()->isAdmin() === true) {
            return true;
        }
        $this->showFailure(new Modules_Panelgate_Failure('forbidden', 'the administrator\'s page'), null);
        return false;
    }

    private function showFailure(Modules_Panelgate_Failure $failure, ?string $again): void
    {
        pm_Log::warn("panelgate {$this->reference}: {$failure->kind()}: {$failure->getMessage()}");
        if (Modules_Panelgate_Settings::isOn('realStatus')) {
            $this->getResponse()->setHttpResponseCode($failure->status());
        }
        $this->view->sentence = $this->view->words->text('error.' . $failure->kind());
        $this->view->reference = $this->reference;
        $this->view->retry = $again;
        $this->renderScript('index/failure.phtml');
    }
}
