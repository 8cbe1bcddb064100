<?php

/**
 * What a click on the button does. A view opens the website that it names, or shows the list of all; a submitted form
 * opens the website that it names, with the broker's token that stands in it. Everything else is a page that says what
 * is wrong, with a reference number.
 */
class IndexController extends pm_Controller_Action
{
    /** @var string */
    private $reference;
    /** @var array{0: string, 1: array<string, mixed>}|null where the browser is sent when all is done */
    private $target;

    public function init()
    {
        parent::init();
        $this->reference = Modules_Panelgate_Reference::random();
    }

    /** The website that the button belongs to; without one, what fits the visitor. */
    public function indexAction()
    {
        $this->guarded(function (): void {
            $visitor = $this->visitor(['GET', 'HEAD']);
            $id = $this->getRequest()->getQuery('site_id') ?? $this->getRequest()->getQuery('dom_id');
            $name = $this->getRequest()->getQuery('site');
            if ($id !== null || $name !== null) {
                $domain = $id !== null ? $visitor->domain($id) : $visitor->named($name);
                $this->openSession($visitor, $domain, (string)$domain->getName(), []);
            } elseif ($visitor->isAdmin()) {
                $this->target = ['admin/index', []];
            } else {
                $this->showChooser($visitor);
            }
        });
    }

    /** The list of all websites. */
    public function listAction()
    {
        $this->guarded(function (): void {
            $this->showChooser($this->visitor(['GET', 'HEAD']));
        });
    }

    /** A form of the list. */
    public function openAction()
    {
        $this->guarded(function (): void {
            $visitor = $this->visitor(['POST']);
            $request = $this->getRequest();
            Modules_Panelgate_FormToken::check($request->getPost(Modules_Panelgate_FormToken::NAME));
            $site = $request->getPost('site');
            $token = $request->getPost('token');
            $named = is_string($site) && preg_match('/^[a-z0-9_.-]{1,253}$/D', $site) === 1;
            if (!$named || !is_string($token) || strlen($token) > 200) {
                throw new Modules_Panelgate_Failure('bad-request', 'the form lacks its website or its token');
            }
            $domain = $visitor->domain($request->getPost('site_id'));
            $visitor->mayName($site);
            $this->openSession($visitor, $domain, $site, ['token' => $token, 'session' => $visitor->binding()]);
        });
    }

    /** @param string[] $methods the methods that are offered here */
    private function visitor(array $methods): Modules_Panelgate_Visitor
    {
        if (!in_array($this->getRequest()->getMethod(), $methods, true)) {
            $this->getResponse()->setHeader('Allow', implode(', ', $methods), true);
            $text = 'another method than ' . implode(' or ', $methods);
            throw new Modules_Panelgate_Failure('method-not-allowed', $text);
        }
        foreach (['HTTP_SEC_PURPOSE', 'HTTP_PURPOSE', 'HTTP_X_PURPOSE', 'HTTP_X_MOZ'] as $name) {
            $value = $this->getRequest()->getServer($name);
            if (is_string($value) && preg_match('/prefetch|prerender|preview/i', $value) === 1) {
                throw new Modules_Panelgate_Failure('prefetch', 'a browser asks ahead of time');
            }
        }
        return Modules_Panelgate_Visitor::ofSession();
    }

    /** @param array<string, string> $form what the form was bound to */
    private function openSession(Modules_Panelgate_Visitor $visitor, pm_Domain $domain, string $site, array $form): void
    {
        $account = Modules_Panelgate_Visitor::account($domain);
        if ($this->getRequest()->getMethod() === 'HEAD') {
            // Asking whether a page is there must not make a session.
            $this->_helper->viewRenderer->setNoRender();
            return;
        }
        $args = ['account' => $account, 'site' => $site, 'claimed' => $visitor->claimed()] + $form;
        $locale = pm_Locale::getCode();
        $args += is_string($locale) && $locale !== '' ? ['language' => $locale] : [];
        $opened = Modules_Panelgate_Settings::broker()->ask('open', $args, $this->reference);
        $url = is_array($opened) ? $opened['url'] ?? null : null;
        if (!is_string($url) || preg_match('~^https://[!-\~]{1,4000}$~D', $url) !== 1) {
            throw new Modules_Panelgate_Failure('builder-url', 'the broker gave no address to go to');
        }
        $this->quiet();
        if (Modules_Panelgate_Settings::isOn('redirect')) {
            $this->target = [$url, ['code' => 303, 'prependBase' => false]];
            return;
        }
        $this->view->words = Modules_Panelgate_Words::ofVisitor();
        $this->view->pageTitle = $this->view->words->text('page.title');
        $this->view->site = (string)$domain->getName() === $site ? (string)$domain->getDisplayName() : $site;
        $this->view->url = $url;
        $this->render('redirect');
    }

    private function showChooser(Modules_Panelgate_Visitor $visitor): void
    {
        $chooser = Modules_Panelgate_Chooser::of($visitor, Modules_Panelgate_Settings::broker(), $this->reference);
        $only = $chooser->onlyOne();
        if ($only !== null) {
            $this->openSession($visitor, $visitor->domain($only['id']), $only['site'], []);
            return;
        }
        $this->quiet();
        $this->view->words = Modules_Panelgate_Words::ofVisitor();
        $this->view->pageTitle = $this->view->words->text('page.title');
        $this->view->chooser = $chooser;
        $this->view->formToken = Modules_Panelgate_FormToken::current();
        $this->view->action = pm_Context::getActionUrl('index', 'open');
        $this->view->find = pm_Context::getActionUrl('index', 'index');
        $this->render('index');
    }

    /** Does the work; whatever goes wrong in it becomes the page that says so. */
    private function guarded(callable $work): void
    {
        try {
            $work();
        } catch (Modules_Panelgate_Failure $failure) {
            $this->showFailure($failure);
        } catch (pm_Exception $error) {
            $this->showFailure(new Modules_Panelgate_Failure('panel-data', $error->getMessage(), $error));
        } catch (Throwable $error) {
            $text = get_class($error) . ': ' . $error->getMessage();
            $this->showFailure(new Modules_Panelgate_Failure('panic', $text, $error));
        }
        // Not above: the framework may end the request in the middle of it.
        if ($this->target !== null) {
            $this->_redirect($this->target[0], $this->target[1]);
        }
    }

    private function showFailure(Modules_Panelgate_Failure $failure): void
    {
        pm_Log::warn("panelgate {$this->reference}: {$failure->kind()}: {$failure->getMessage()}");
        $this->quiet();
        if (Modules_Panelgate_Settings::isOn('realStatus')) {
            $this->getResponse()->setHttpResponseCode($failure->status());
        }
        $again = in_array($failure->kind(), ['token-rejected', 'prefetch', 'site-alias'], true);
        $this->view->words = Modules_Panelgate_Words::ofVisitor();
        $this->view->pageTitle = $this->view->words->text('page.title');
        $this->view->sentence = $this->view->words->text('error.' . $failure->kind());
        $this->view->reference = $this->reference;
        $this->view->retry = $failure->isRetryable() || $again ? $this->again() : null;
        $this->render('failure');
    }

    /** Where "try again" leads: the page itself, or the list where the page was a form's. */
    private function again(): string
    {
        $id = $this->getRequest()->getQuery('site_id') ?? $this->getRequest()->getQuery('dom_id');
        $named = is_string($id) && preg_match('/^[0-9]{1,10}$/D', $id) === 1;
        $index = pm_Context::getActionUrl('index', 'index');
        return $named ? "$index?site_id=$id" : pm_Context::getActionUrl('index', 'list');
    }

    /** What is shown is for this visitor, once; where they go must not learn where they came from. */
    private function quiet(): void
    {
        $this->getResponse()->setHeader('Cache-Control', 'no-store', true);
        $this->getResponse()->setHeader('Referrer-Policy', 'no-referrer', true);
    }
}
