<?php

/**
 * The administrator's page: what the broker counts and what can be seen from here. Nothing is changed on it.
 */
class AdminController extends pm_Controller_Action
{
    protected $_accessLevel = 'admin';

    public function indexAction()
    {
        $reference = Modules_Panelgate_Reference::random();
        $this->getResponse()->setHeader('Cache-Control', 'no-store', true);
        $words = Modules_Panelgate_Words::ofVisitor();
        $this->view->words = $words;
        $this->view->pageTitle = $words->text('page.title');
        // The panel looks at the access level; this does not rely on it.
        if (!pm_Session::isExist() || pm_Session::getClient()->isAdmin() !== true) {
            pm_Log::warn("panelgate $reference: forbidden: the administrator's page");
            $this->getResponse()->setHttpResponseCode(403);
            $this->view->sentence = $words->text('error.forbidden');
            $this->view->reference = $reference;
            $this->view->retry = null;
            $this->renderScript('index/failure.phtml');
            return;
        }
        $this->view->health = Modules_Panelgate_Health::look($reference);
        $this->view->list = pm_Context::getActionUrl('index', 'list');
    }
}
